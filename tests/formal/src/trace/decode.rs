//! Bytes as a trace. Total: whatever bytes there are mean operations, so that random bytes, a fuzz
//! corpus and whatever else a fuzzer comes up with are traces too.
//!
//! What the bytes choose from is what changes something: few subjects, few secrets, the moments at
//! which something ends and those beside them. A request starts from one that gets far, and then
//! some of its facts are others.

use super::operation::REQUEST;
use super::{Kind, Operation, Trace};

/// The end of the time that a token can spell lies in 2106; no trace gets near.
const LATEST: u64 = 3_700_000_000_000;
/// A moment at the start of a second.
const START: u64 = 1_800_000_000_000;
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 3600 * 1000;

/// Lengths of time at which something changes.
const SPANS: [u64; 16] = [
    0,
    1,
    999,
    1000,
    4_999,
    5_000,
    5_001,
    29_999,
    30_000,
    59_999,
    MINUTE,
    300_000,
    10 * MINUTE,
    7 * DAY,
    30 * DAY,
    90 * DAY,
];

pub(super) fn decode(bytes: &[u8]) -> Trace {
    let mut decoder = Decoder {
        bytes: Bytes(bytes),
        now: START,
        idle: MINUTE,
        absolute: MINUTE,
        moments: Vec::new(),
        grants: 0,
        tokens: 0,
        questions: 0,
        places: 0,
        operations: Vec::new(),
    };
    let settings = decoder.settings();
    while !decoder.bytes.0.is_empty() {
        decoder.operation();
    }
    Trace { settings, operations: decoder.operations }
}

/// What is left of the bytes; zeros after their end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn below(&mut self, limit: u64) -> u64 {
        u64::from(self.byte()) % limit.max(1)
    }

    fn pick(&mut self, choices: &[u64]) -> u64 {
        choices[usize::from(self.byte()) % choices.len()]
    }
}

struct Decoder<'a> {
    bytes: Bytes<'a>,
    now: u64,
    idle: u64,
    absolute: u64,
    /// When something ends, as far as can be told without carrying anything out.
    moments: Vec<u64>,
    grants: u64,
    tokens: u64,
    questions: u64,
    places: u64,
    operations: Vec<Operation>,
}

impl Decoder<'_> {
    fn settings(&mut self) -> Operation {
        let bytes = &mut self.bytes;
        let (idle, absolute) = match bytes.below(12) {
            0 => (59, 600),
            1 => (600, 599),
            2 => (60, 90 * 24 * 3600 + 1),
            3 => (60, 60),
            4 => (60, 90),
            5 | 6 => (3600, 7200),
            7 => (90 * 24 * 3600, 90 * 24 * 3600),
            8 => (61, 151),
            _ => (600, 3600),
        };
        let (codes, others) =
            (bytes.pick(&[10, 10, 1, 0, 2, 3]), bytes.pick(&[100, 100, 0, 1, 2, 4]));
        let counters = bytes.pick(&[65_536, 1, 2, 0, 4]);
        let sessions = bytes.pick(&[1 << 20, 1 << 20, 0, 1, 2, 3]);
        let grants = bytes.pick(&[1 << 20, 1 << 20, 0, 1, 2, 3]);
        let fresh = bytes.pick(&[5_000, 1 << 50, 1 << 50, 0, 60_000, 5_000]);
        let start = START + bytes.pick(&[0, 0, 1, 500, 999]);
        let more = bytes.byte();
        let exposure = u64::from(more & 3) % 3;
        let guarding = u64::from(more >> 2 & 7 == 7);
        let workers = u64::from(more >> 5 & 3 == 3);
        let rules = match bytes.below(8) {
            0 => [0, 0, 0, 0],
            1 => [0, 3, 1, 0],
            2 => [3, 2, 9, 16],
            3 => [2, 1, 16, 5],
            4 => [1, 3, 4, 0],
            _ => [3, 0, 0, 0],
        };
        self.now = start;
        // With lifetimes out of their bounds the default ones hold.
        let sound = idle >= 60 && idle <= absolute && absolute <= 90 * 24 * 3600;
        self.idle = if sound { idle * 1000 } else { 7 * DAY };
        self.absolute = if sound { absolute * 1000 } else { 30 * DAY };
        if bytes.below(8) > 0 {
            self.operations.push(Operation::new(Kind::Refresh, &[]));
        }
        let [a, b, c, d] = rules;
        let numbers = [
            idle, absolute, codes, others, counters, sessions, grants, fresh, start, exposure,
            guarding, workers, a, b, c, d,
        ];
        Operation::new(Kind::Settings, &numbers)
    }

    fn push(&mut self, kind: Kind, numbers: &[u64]) {
        self.operations.push(Operation::new(kind, numbers));
    }

    fn operation(&mut self) {
        match self.bytes.byte() {
            0..=25 => self.grant(),
            26..=79 => self.redeem(),
            80..=129 => self.request(),
            130..=149 => self.renew(),
            150..=165 => self.hello(),
            166..=185 => self.advance(),
            186..=193 => self.push(Kind::Refresh, &[]),
            194..=205 => self.revoke(),
            206..=211 => self.keys(),
            212..=222 => self.workspace(),
            223..=227 => self.look(),
            228..=230 => self.push(Kind::Sweep, &[]),
            231..=232 => self.push(Kind::Prune, &[]),
            _ => self.room(),
        }
    }

    fn grant(&mut self) {
        let bytes = &mut self.bytes;
        let uses = bytes.pick(&[1, 1, 1, 2, 3, 0, 1000, 1001]);
        let method = bytes.pick(&[0, 0, 1, 1, 2]);
        let long = if method == 1 { 10 * MINUTE } else { 30 * DAY };
        let life = bytes.pick(&[10 * MINUTE, 1, MINUTE, 30_000, long, long + 1, 0, 1001]);
        let caps = bytes.pick(&[3, 3, 1, 2, 15, 7, 8, 0]);
        let label = bytes.below(3);
        let issuer = bytes.pick(&[15, 15, 15, 15, 7, 3]);
        self.push(Kind::Grant, &[uses, life, caps, method, label, issuer]);
        self.grants += 1;
        self.moments.extend([self.now + life, self.now + life + MINUTE]);
    }

    /// A request or a hello that redeems, or might.
    fn redeem(&mut self) {
        let way = self.bytes.below(8);
        if way == 7 {
            self.hello();
            return;
        }
        let route = if way < 4 { 7 } else { 8 };
        let (grant, nonce) = (self.one_of(self.grants), self.bytes.below(4));
        let mut request =
            [0, 0, 0, 0, route, 2, 0, 0, way % 2 * u64::from(way < 4), 0, 0, 0, 0, grant, nonce];
        self.vary(&mut request);
        self.push(Kind::Request, &request);
        self.tokens += 1;
        self.session_opens();
    }

    fn session_opens(&mut self) {
        let start = self.now / 1000 * 1000;
        self.moments.extend([
            self.now + MINUTE,
            start + self.idle / 2,
            start + self.idle,
            start + self.absolute,
        ]);
    }

    /// One of those numbered below `count`, mostly; the latest more often than others.
    fn one_of(&mut self, count: u64) -> u64 {
        let byte = u64::from(self.bytes.byte());
        match byte {
            0..=99 => count.saturating_sub(1),
            100..=239 => byte % count.max(1),
            _ => count + byte % 2,
        }
    }

    fn template(&mut self) -> [u64; REQUEST] {
        let token = self.one_of(self.tokens);
        let bearer = |route| [0, 0, 0, 0, route, 0, 0, 0, 0, 0, 2, token, 0, 0, 0];
        let mut request = bearer(self.bytes.pick(&[0, 1, 2, 3]));
        match self.bytes.below(12) {
            0..=2 => {}
            // A page reads, writes and connects.
            3 => (request[9], request[10]) = (1, 1),
            4 => (request[5], request[8], request[10]) = (2, 1, 1),
            5 => (request[6], request[8], request[10]) = (1, 1, 1),
            6 => request[4] = 5,
            7 => (request[4], request[5]) = (6, 2),
            8 => (request[4], request[5], request[10]) = (9, 2, 5),
            9 => request[4] = 4,
            10 => (request[0], request[1], request[3]) = (201, 1, 1),
            _ => request[3] = 4 + self.bytes.below(3),
        }
        request
    }

    fn request(&mut self) {
        let mut request = self.template();
        self.vary(&mut request);
        self.push(Kind::Request, &request);
    }

    fn renew(&mut self) {
        let mut all = [0; REQUEST + 1];
        all[0] = self.bytes.pick(&[0, 0, 0, 0, 1, 1000, 300_000, 300_001, 301_000, 10 * MINUTE]);
        let mut request = self.template();
        self.vary(&mut request);
        all[1..].copy_from_slice(&request);
        self.push(Kind::Renew, &all);
        self.tokens += 1;
        self.session_opens();
    }

    /// Makes none to three facts of a request others.
    fn vary(&mut self, request: &mut [u64; REQUEST]) {
        let count = [0, 0, 0, 0, 1, 1, 2, 3][self.bytes.below(8) as usize];
        for _ in 0..count {
            let which = self.bytes.below(REQUEST as u64) as usize;
            let bytes = &mut self.bytes;
            request[which] = match which {
                0 => bytes.pick(&[0, 1, 99, 100, 101, 199, 200, 201, 203, 204, 208]),
                2 => bytes.below(4),
                3 => bytes.below(8),
                4 => bytes.below(11),
                5 | 8 => bytes.below(4),
                6 => bytes.below(3),
                9 => bytes.below(6),
                10 => bytes.below(7),
                11 => bytes.below(6),
                12 => bytes.below(4),
                13 => bytes.below(6),
                14 => bytes.below(64),
                _ => bytes.below(2),
            };
        }
    }

    fn hello(&mut self) {
        let credential = self.bytes.pick(&[2, 2, 2, 3, 3, 3, 0, 1, 4, 5]);
        let (grant, token) = (self.one_of(self.grants), self.one_of(self.tokens));
        let bytes = &mut self.bytes;
        let purpose = bytes.below(2);
        let mut hello = [0, 0, 0, 0, purpose, 0, 0, credential, token, 0, grant, bytes.below(4)];
        let count = [0, 0, 0, 0, 1, 1, 2, 3][bytes.below(8) as usize];
        for _ in 0..count {
            let which = bytes.below(11) as usize;
            hello[which] = match which {
                0 => bytes.pick(&[0, 1, 100, 101, 200, 203, 204]),
                2 => bytes.pick(&[0, 1, 2, 3, 4, 5, 6, 1003]),
                5 => bytes.below(16),
                6 => bytes.below(6),
                7 => bytes.below(6),
                8 | 10 => bytes.below(6),
                9 => bytes.below(4),
                _ => bytes.below(2),
            };
        }
        self.push(Kind::Hello, &hello);
        if credential == 3 {
            self.tokens += 1;
            self.session_opens();
        }
    }

    /// Time passes: some span, or until something ends. Mostly what is known of revocations is
    /// brought up to date then.
    fn advance(&mut self) {
        let how = self.bytes.byte();
        let span = if how < 160 && !self.moments.is_empty() {
            let moment = self.moments[self.bytes.below(self.moments.len() as u64) as usize];
            let beside = self.bytes.pick(&[1, 1, 0, 2]);
            (moment + beside).saturating_sub(self.now + 1)
        } else {
            self.bytes.pick(&SPANS)
        };
        if self.now + span > LATEST {
            return;
        }
        self.now += span;
        self.push(Kind::Advance, &[span]);
        if !how.is_multiple_of(4) {
            self.push(Kind::Refresh, &[]);
        }
    }

    fn revoke(&mut self) {
        let what = self.bytes.below(8);
        let (how, whose) = (self.bytes.pick(&[0, 0, 0, 1, 1, 2, 3]), self.bytes.below(4));
        match what {
            0 | 1 => {
                let grant = self.one_of(self.grants);
                self.push(Kind::RevokeGrant, &[grant]);
            }
            2..=4 => {
                let caps = self.bytes.below(16);
                self.push(Kind::Limit, &[how, whose, caps]);
            }
            _ => self.push(Kind::Revoke, &[how, whose]),
        }
    }

    fn keys(&mut self) {
        match self.bytes.below(4) {
            0 => self.push(Kind::Replace, &[]),
            1 => self.push(Kind::PruneKeys, &[]),
            _ => {
                self.push(Kind::Rotate, &[]);
                self.moments.extend([self.now + MINUTE, self.now + MINUTE + 90 * DAY]);
            }
        }
    }

    fn workspace(&mut self) {
        let (which, label) = (self.bytes.below(4), self.bytes.below(3));
        match self.bytes.below(8) {
            0..=2 => self.push(Kind::Create, &[which]),
            3 => self.push(Kind::Place, &[which]),
            4 => self.push(Kind::Delete, &[which]),
            5 => self.push(Kind::Expel, &[which, label]),
            _ => {
                let caps = self.bytes.pick(&[15, 3, 1, 2, 0]);
                let home = self.bytes.below(2);
                self.push(Kind::Member, &[which, label, caps, home]);
            }
        }
    }

    fn look(&mut self) {
        let number = self.bytes.below(5);
        let kind = if self.bytes.below(2) == 0 { Kind::Uses } else { Kind::Row };
        self.push(kind, &[number]);
    }

    fn room(&mut self) {
        let session = self.bytes.below(4);
        let kind = self.bytes.byte() % 24;
        match kind {
            0..=4 => {
                let may = u64::from(self.bytes.below(4) > 0);
                self.push(Kind::Join, &[session, may]);
                self.places += 1;
            }
            5..=8 => {
                let place = self.one_of(self.places);
                self.push(Kind::Leave, &[place]);
                self.moments.push(self.now + 30_000);
            }
            9 => {
                let place = self.one_of(self.places);
                self.push(Kind::Role, &[place]);
            }
            10 => {
                let place = self.one_of(self.places);
                self.push(Kind::Write, &[place]);
            }
            11..=13 => self.push(Kind::Ask, &[session]),
            14 => self.push(Kind::Withdraw, &[session]),
            15 | 16 => {
                let to = self.bytes.below(4);
                self.push(Kind::Hand, &[session, to]);
            }
            17 => self.push(Kind::Release, &[session]),
            18 | 19 => {
                let question = self.one_of(self.questions + 1);
                self.push(Kind::Pose, &[question, session]);
                self.questions += 1;
                self.moments.push(self.now + MINUTE);
            }
            20 => {
                let question = self.one_of(self.questions);
                self.push(Kind::Retract, &[question]);
            }
            21 => {
                let (question, allow) = (self.one_of(self.questions), self.bytes.below(2));
                self.push(Kind::Answer, &[session, question, allow]);
            }
            22 => self.push(Kind::Tick, &[]),
            _ => self.push(Kind::Room, &[]),
        }
    }
}
