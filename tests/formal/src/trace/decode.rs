//! Bytes as a trace. Total: whatever bytes there are mean operations, so that random bytes, a fuzz
//! corpus and whatever else a fuzzer comes up with are traces too.
//!
//! What the bytes choose from is what changes something: few subjects, few secrets, the moments at
//! which something ends and those beside them. A request starts from one that gets far, and then
//! some of its facts are others.

use super::operation::REQUEST;
use super::policy::{Installation, Made};
use super::{Kind, Operation, Trace};

/// The end of the time that a token can spell lies in 2106; no trace gets near.
const LATEST: u64 = 3_700_000_000_000;
/// A moment at the start of a second.
const START: u64 = 1_800_000_000_000;
/// Longer than a trace: what is known of revocations never is too old.
const ALWAYS: u64 = 1 << 50;
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
    let mut bytes = Bytes(bytes);
    let settings = settings(&mut bytes);
    let mut decoder = Decoder::new(bytes, &settings);
    let theme = decoder.beginning();
    while !decoder.bytes.0.is_empty() {
        decoder.operation(theme);
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

/// Those under which much is possible; then none to three of them are others.
fn settings(bytes: &mut Bytes<'_>) -> Operation {
    let mut all = [600, 3600, 10, 100, 64, 64, 64, ALWAYS, START, 0, 0, 0, 3, 0, 0, 0];
    for _ in 0..[0, 0, 1, 1, 2, 3][bytes.below(6) as usize] {
        other_setting(bytes, &mut all);
    }
    Operation::new(Kind::Settings, &all)
}

fn other_setting(bytes: &mut Bytes<'_>, all: &mut [u64; 16]) {
    match bytes.below(12) {
        0..=2 => {
            const LIFETIMES: [(u64, u64); 9] = [
                (60, 60),
                (60, 90),
                (61, 151),
                (3600, 7200),
                (7_776_000, 7_776_000),
                (600, 900),
                (59, 600),
                (600, 599),
                (60, 7_776_001),
            ];
            (all[0], all[1]) = LIFETIMES[bytes.below(9) as usize];
        }
        3 => all[2] = bytes.below(4),
        4 => all[3] = bytes.below(5),
        5 => all[4] = bytes.below(4),
        6 => all[5 + bytes.below(2) as usize] = bytes.below(4),
        7 | 8 => all[7] = bytes.pick(&[5_000, 5_000, 0, MINUTE]),
        9 => all[8] = START + bytes.pick(&[1, 500, 999, 999]),
        10 => all[9 + bytes.below(3) as usize] = 1 + bytes.below(2),
        _ => {
            const RULES: [[u64; 4]; 6] = [
                [0, 0, 0, 0],
                [0, 3, 1, 0],
                [3, 2, 9, 16],
                [2, 1, 16, 5],
                [1, 3, 4, 0],
                [2, 3, 0, 1],
            ];
            all[12..].copy_from_slice(&RULES[bytes.below(6) as usize]);
        }
    }
}

/// What a trace is about, so that all of it is gone into at some depth.
#[derive(Clone, Copy)]
enum Theme {
    Door,
    Workspaces,
    Room,
}

struct Decoder<'a> {
    bytes: Bytes<'a>,
    now: u64,
    idle: u64,
    absolute: u64,
    /// The host that is answered for.
    host: u64,
    /// What is known of revocations gets old.
    refreshes: bool,
    /// When something ends.
    moments: Vec<u64>,
    /// Where what was decoded is carried out, so that what comes next is about what is there.
    installation: Installation,
    operations: Vec<Operation>,
}

impl<'a> Decoder<'a> {
    fn new(bytes: Bytes<'a>, settings: &Operation) -> Self {
        let [idle, absolute, .., fresh, start, exposure, _, _, _, _, _, _] = *settings.array();
        // With lifetimes out of their bounds the default ones hold.
        let sound = idle >= 60 && idle <= absolute && absolute <= 90 * 24 * 3600;
        Self {
            bytes,
            now: start,
            idle: if sound { idle * 1000 } else { 7 * DAY },
            absolute: if sound { absolute * 1000 } else { 30 * DAY },
            host: exposure / 2,
            refreshes: fresh < ALWAYS,
            moments: Vec::new(),
            installation: Installation::new(settings.numbers()).0,
            operations: Vec::new(),
        }
    }

    fn push(&mut self, kind: Kind, numbers: &[u64]) {
        let operation = Operation::new(kind, numbers);
        let before = self.installation.made();
        self.installation.step(&operation, &mut String::new());
        if self.installation.made().tokens > before.tokens {
            let start = self.now / 1000 * 1000;
            let (half, idle, end) = (self.idle / 2, self.idle, self.absolute);
            self.moments.extend([self.now + MINUTE, start + half, start + idle, start + end]);
        }
        self.operations.push(operation);
    }

    fn made(&self) -> Made {
        self.installation.made()
    }

    /// What comes first, and what the trace is about.
    fn beginning(&mut self) -> Theme {
        if self.bytes.below(8) > 0 {
            self.push(Kind::Refresh, &[]);
        }
        let (theme, how) = (self.bytes.below(8), self.bytes.byte());
        if theme == 0 {
            return Theme::Room;
        }
        if how > 20 {
            self.grant();
        }
        if how > 60 {
            let (mut request, host) = ([0; REQUEST], self.host);
            (request[3], request[4], request[5], request[13]) = (host, 8, 2, 0);
            self.push(Kind::Request, &request);
        }
        if theme == 1 {
            self.push(Kind::Create, &[1]);
            self.push(Kind::Member, &[1, 0, 15, 0]);
            return Theme::Workspaces;
        }
        Theme::Door
    }

    fn operation(&mut self, theme: Theme) {
        let what = self.bytes.byte();
        match (theme, what) {
            (Theme::Room, 0..=220) => return self.room(),
            (Theme::Room, _) => return self.advance(),
            (Theme::Workspaces, 0..=60) => return self.workspace(),
            (Theme::Workspaces | Theme::Door, _) => {}
        }
        match what {
            0..=20 => self.grant(),
            21..=60 => self.redeem(),
            61..=129 => self.request(),
            130..=149 => self.renew(),
            150..=165 => self.hello(),
            166..=187 => self.advance(),
            188..=193 => self.push(Kind::Refresh, &[]),
            194..=205 => self.revoke(),
            206..=211 => self.keys(),
            212..=222 => self.workspace(),
            223..=235 => self.look(),
            236..=240 => self.push(Kind::Sweep, &[]),
            241..=244 => self.push(Kind::Prune, &[]),
            _ => self.room(),
        }
    }

    /// Mostly one that may be.
    fn grant(&mut self) {
        let bytes = &mut self.bytes;
        let (uses, method) = (bytes.pick(&[1, 2, 3, 1000]), bytes.pick(&[0, 0, 1, 2]));
        let long = if method == 1 { 10 * MINUTE } else { 30 * DAY };
        let life = bytes.pick(&[10 * MINUTE, long, long, MINUTE]);
        let (caps, label) = (bytes.pick(&[3, 3, 15, 7, 1, 2, 8]), bytes.below(3));
        let mut grant = [uses, life, caps, method, label, 15];
        match bytes.below(16) {
            0 => grant[0] = bytes.pick(&[0, 1001]),
            1 => grant[1] = bytes.pick(&[0, 1, 1001, long + 1]),
            2 => grant[2] = 0,
            3 => grant[5] = bytes.below(16),
            _ => {}
        }
        self.push(Kind::Grant, &grant);
        self.moments.extend([self.now + grant[1], self.now + grant[1] + MINUTE]);
    }

    /// A request or a hello that redeems, or might.
    fn redeem(&mut self) {
        let way = self.bytes.below(8);
        if way == 7 {
            self.hello();
            return;
        }
        let page = way < 4;
        let (grant, nonce) = (self.one_of(self.made().grants), self.bytes.below(6));
        let mut request = [0; REQUEST];
        (request[3], request[4], request[5]) = (self.host, if page { 7 } else { 8 }, 2);
        request[8] = way % 2 * u64::from(page);
        (request[13], request[14]) = (grant, nonce);
        self.vary(&mut request);
        self.push(Kind::Request, &request);
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
        let token = self.one_of(self.made().tokens);
        let host = self.host;
        let bearer = |route| [0, 0, 0, host, route, 0, 0, 0, 0, 0, 2, token, 0, 0, 0];
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
            _ => request[3] = 3 + self.bytes.below(4),
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
        let (grant, token) = (self.one_of(self.made().grants), self.one_of(self.made().tokens));
        let host = self.host;
        let bytes = &mut self.bytes;
        let purpose = bytes.below(2);
        let mut hello = [0, 0, host, 0, purpose, 0, 0, credential, token, 0, grant, bytes.below(4)];
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
        if self.refreshes && !how.is_multiple_of(4) {
            self.push(Kind::Refresh, &[]);
        }
    }

    fn revoke(&mut self) {
        let what = self.bytes.below(8);
        let (how, whose) = (self.bytes.pick(&[0, 0, 0, 1, 1, 2, 3]), self.bytes.below(4));
        match what {
            0 | 1 => {
                let grant = self.one_of(self.made().grants);
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
            }
            5..=8 => {
                let place = self.one_of(self.made().places);
                self.push(Kind::Leave, &[place]);
                self.moments.push(self.now + 30_000);
            }
            9 => {
                let place = self.one_of(self.made().places);
                self.push(Kind::Role, &[place]);
            }
            10 => {
                let place = self.one_of(self.made().places);
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
                let question = self.one_of(self.made().questions + 1);
                self.push(Kind::Pose, &[question, session]);
                self.moments.push(self.now + MINUTE);
            }
            20 => {
                let question = self.one_of(self.made().questions);
                self.push(Kind::Retract, &[question]);
            }
            21 => {
                let (question, allow) = (self.one_of(self.made().questions), self.bytes.below(2));
                self.push(Kind::Answer, &[session, question, allow]);
            }
            22 => self.push(Kind::Tick, &[]),
            _ => self.push(Kind::Room, &[]),
        }
    }
}
