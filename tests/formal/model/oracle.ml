(* The oracle: reads traces (TRACE.md), carries them out in the extracted model, and writes what each
   operation comes to. Whatever has been read is answered before more is waited for. *)

open Model

exception Not_an_operation

(* Reading. *)

let clamp last n = if n > last then last else n
let code names n = names.(clamp (Array.length names - 1) n)
let flag n = n > 0
let caps n = n land 15
let rule n = if n = 0 then None else Some (caps (n - 1))

let settings = function
  | [ idle; absolute; codes; others; capacity; sessions; grants; fresh; begins; exposed; guarding;
      workers; r0; r1; r2; r3 ] ->
      let life = lifetimes_of idle absolute in
      let chosen =
        { life = Option.value life ~default:default_lifetimes; limit = { codes; others; capacity };
          most_sessions = sessions; most_grants = grants; freshness = fresh; begins;
          exposed = code [| Loopback; OnDesktop; Remote |] exposed; unguarded = flag guarding;
          service_workers = flag workers; rule_all = rule r0; rule_a = rule r1; rule_b = rule r2;
          rule_c = rule r3 }
      in
      (chosen, life <> None)
  | _ -> raise Not_an_operation

let host n = if n >= 3 then HostOf (n - 3) else code [| Localhost; ListedHost; ForeignHost |] n
let flaw n = code [| Genuine; TagChanged; OnlyShaped; KeyZero |] n

let credential n t f =
  match clamp 6 n with
  | 0 -> NoCredential
  | 1 -> Cookie (t, flaw f)
  | 2 -> Bearer (t, flaw f)
  | 3 -> CookieAndBearer
  | 4 -> CookieTwice
  | 5 -> UnknownLocal
  | _ -> MalformedLocal

let routes =
  [| Guarded PathX; Guarded PathA; Guarded PathB; Guarded PathC; Health; WhoAmI; Renewal; Bootstrap;
     ForToken; Stay; NoSuch |]

let fetches = [| NoFetch; SameOrigin; NoSite; SameSite; CrossSite; Navigation |]

let request = function
  | [ peer; tls; shaped; seen; route; verb; upgrade; worker; origin; fetch; cred; t; f; g; n ] ->
      { peer; tls = flag tls; shaped = code [| Fine; BadHead; BadPath; Connect |] shaped;
        host_of = host seen; to0 = code routes route; by_verb = code [| Get; Head; Post; Delete |] verb;
        upgrades = code [| NoUpgrade; WebSocket; OtherUpgrade |] upgrade; worker = flag worker;
        from = code [| NoOrigin; OwnOrigin; ListedOrigin; ForeignOrigin |] origin;
        fetched = code fetches fetch; presents = credential cred t f; body_grant = g; body_nonce = n }
  | _ -> raise Not_an_operation

let offer n t f g nonce =
  match clamp 5 n with
  | 0 -> OffersNothing
  | 1 -> OffersSeveral
  | 2 -> OffersToken (t, flaw f)
  | 3 -> OffersGrant (g, nonce)
  | 4 -> OffersUnknownLocal
  | _ -> OffersMalformedLocal

let hello = function
  | [ peer; shaped; name; protocol; purpose; asks; workspace; cred; t; f; g; n ] ->
      { hello_peer = peer; hello_malformed = flag shaped;
        server_name = (if name >= 1003 then None else Some (host name)); our_protocol = protocol = 0;
        for_token = flag purpose; asks = caps asks;
        names = (if workspace = 0 then None else Some (workspace - 1)); offers = offer cred t f g n }
  | _ -> raise Not_an_operation

let selector how x =
  match clamp 3 how with 0 -> One x | 1 -> OfSubject x | 2 -> AllBut x | _ -> All

let operation word numbers =
  match (word, numbers) with
  | "advance", [ span ] -> Advance span
  | "refresh", [] -> Refresh
  | "sweep", [] -> Sweep
  | "prune", [] -> Prune
  | "rotate", [] -> Rotate
  | "replace", [] -> Replace
  | "prune-keys", [] -> PruneKeys
  | "grant", [ uses; life; given; how; subject; issuer ] ->
      MakeGrant (uses, life, caps given, code [| Link; TypedCode; Desktop |] how, subject, caps issuer)
  | "revoke-grant", [ g ] -> RevokeGrant g
  | "revoke", [ how; x ] -> Revoke (selector how x)
  | "limit", [ how; x; most ] -> Limit (selector how x, caps most)
  | "uses", [ g ] -> Uses g
  | "row", [ s ] -> RowOf s
  | "create", [ w ] -> Create w
  | "place", [ w ] -> PlaceAnew w
  | "delete", [ w ] -> DeleteWorkspace w
  | "member", [ w; subject; may; home ] -> AdmitMember (w, subject, { may = caps may; home = flag home })
  | "expel", [ w; subject ] -> Expel (w, subject)
  | "request", facts -> Requests (request facts)
  | "renew", ahead :: facts -> Renews (ahead, request facts)
  | "hello", facts -> Greets (hello facts)
  | "join", [ s; may ] -> InRoom (Join (s, flag may))
  | "leave", [ p ] -> InRoom (Leave p)
  | "role", [ p ] -> InRoom (Role p)
  | "write", [ p ] -> InRoom (Write p)
  | "ask", [ s ] -> InRoom (Ask s)
  | "withdraw", [ s ] -> InRoom (Withdraw s)
  | "hand", [ by; until ] -> InRoom (Hand (by, until))
  | "release", [ by ] -> InRoom (Release by)
  | "pose", [ q; by ] -> InRoom (Pose (q, by))
  | "retract", [ q ] -> InRoom (Retract q)
  | "answer", [ by; q; allow ] -> InRoom (AnswerTo (by, q, flag allow))
  | "tick", [] -> InRoom Tick
  | "room", [] -> InRoom Look
  | _ -> raise Not_an_operation

(* Writing. *)

let out = Buffer.create 65536
let text = Buffer.add_string out
let number n = text (string_of_int n)
let numbers = List.iter (fun n -> text " "; number n)
let or_none = function Some n -> number n | None -> text "none"

let reason = function
  | MalformedHead -> text "malformed-head"
  | MalformedPath -> text "malformed-path"
  | MalformedHello -> text "malformed-hello"
  | UpgradeRefused -> text "upgrade-refused"
  | ServiceWorkerScript -> text "service-worker-script"
  | HostDenied -> text "host-denied"
  | InsecureTransport -> text "insecure-transport"
  | OriginDenied -> text "origin-denied"
  | OriginMissing -> text "origin-missing"
  | FetchMetadata -> text "fetch-metadata"
  | BrowserRefused -> text "browser-refused"
  | NoRoute -> text "no-route"
  | CredentialMissing -> text "credential-missing"
  | CredentialAmbiguous -> text "credential-ambiguous"
  | CookieShadowed -> text "cookie-shadowed"
  | InvalidMalformed -> text "invalid-malformed"
  | InvalidUnknownKey -> text "invalid-unknown-key"
  | InvalidBadTag -> text "invalid-bad-tag"
  | InvalidNotYetValid -> text "invalid-not-yet-valid"
  | InvalidLocalMalformed -> text "invalid-local-malformed"
  | InvalidLocalUnknown -> text "invalid-local-unknown"
  | SessionExpired -> text "session-expired"
  | SessionRevoked -> text "session-revoked"
  | GrantUnknown -> text "grant-unknown"
  | GrantRevoked -> text "grant-revoked"
  | GrantExpired -> text "grant-expired"
  | GrantSpent -> text "grant-spent"
  | GrantSessionGone -> text "grant-session-gone"
  | WorkspaceUnknown -> text "workspace-unknown"
  | CapabilityLacking lacking -> text "capability-lacking"; numbers [ lacking ]
  | LocalOnly -> text "local-only"
  | GuessesLimited until -> text "guesses-limited"; numbers [ until ]
  | UnavailableStale -> text "unavailable-stale"
  | UnavailableFull -> text "unavailable-full"

let at = function None -> text " at own" | Some w -> text " at"; numbers [ w ]
let named name n = text " "; text name; numbers [ n ]

let verdict = function
  | Opened -> text "open"
  | Admitted (who, held, place) ->
      text "admit";
      (match who with None -> text " nobody" | Some said -> named "session" said.session);
      named "caps" held;
      at place
  | Redeemed (_, again, s, t, held, until, last, place) ->
      text (if again then "repeated" else "redeemed");
      named "session" s; named "token" t; named "caps" held; named "expires" until;
      named "absolute" last;
      at place
  | Denied why -> text "deny "; reason why

let refused why = text "refused "; text why

let answer r now = function
  | _ when r <> None ->
      let r = Option.get r in
      text "owner "; or_none (Option.map (fun one -> one.holder) r.leased);
      text " lapses "; or_none (Option.bind r.leased (fun one -> one.lapses));
      text " waiting"; numbers r.waiting;
      text " questions"; numbers (List.map (fun one -> one.asked_as) r.questions);
      named "places" (List.length r.seats);
      named "over" (if is_over r now then 1 else 0)
  | Done -> text "done"
  | Place p -> text "place"; numbers [ p ]
  | RoomIsFull -> refused "room"
  | SessionIsFull -> refused "session"
  | IsOwner -> text "owner"
  | IsFollower -> text "follower"
  | NoPlace -> text "none"
  | NotOwner -> refused "not-owner"
  | NotAllowed -> refused "not-allowed"
  | Granted -> text "granted"
  | Waiting -> text "waiting"
  | MayNotOwn -> refused "may-not-own"
  | NotWaiting -> refused "not-waiting"
  | NoOwner -> refused "no-owner"
  | TooMany -> refused "too-many"
  | Repeated -> refused "repeated"
  | NoQuestion -> refused "unknown"

let effect = function
  | Owns who -> text " | owner "; or_none who
  | Allowed q -> text " | allowed"; numbers [ q ]
  | Refused (q, why) ->
      text " | denied"; numbers [ q ];
      text
        (match why with
        | SaidNo -> " said-no"
        | OwnerLeft -> " owner-left"
        | OwnerChanged -> " owner-changed"
        | TimedOut -> " timed-out")

let outcome world what = function
  | Present now -> text "now"; numbers [ now ]
  | Finished -> text "done"
  | Key id -> text "key"; numbers [ id ]
  | Exhausted -> refused "exhausted"
  | KeysLeft ids -> text "keys"; numbers ids
  | Made g -> text "grant"; numbers [ g ]
  | NotMade BadCapabilities -> refused "capabilities"
  | NotMade BadUses -> refused "uses"
  | NotMade BadLife -> refused "life"
  | GrantsFull -> refused "full"
  | NoSuchGrant -> refused "unknown"
  | RevokedAll sessions -> text "revoked"; numbers sessions
  | LimitedAll sessions -> text "limited"; numbers sessions
  | UsesLeft None | RowIs None -> text "none"
  | UsesLeft (Some left) -> text "uses"; numbers [ left ]
  | RowIs (Some row) ->
      text "row";
      numbers [ row.row_caps; row.row_expires; row.row_absolute; (if row.row_revoked then 1 else 0) ]
  | ChangeRefused why ->
      refused
        (match why with
        | Exists -> "exists"
        | Unknown -> "unknown"
        | NoMember -> "no-member"
        | Full -> "full"
        | IsMain -> "main"
        | OthersLeft -> "others-left"
        | Nothing -> "nothing")
  | Decided verdict_ -> verdict verdict_
  | Renewed (_, t, next) ->
      text "renewed"; named "token" t; named "caps" next.allows; named "expires" next.expires
  | Kept _ -> text "kept"
  | RoomSaid (said, effects) ->
      let looked = if what = InRoom Look then Some world.the_room else None in
      answer looked world.the_door.now said;
      List.iter effect effects

(* Carrying out. *)

let parse_number word =
  let digit n c =
    if c < '0' || c > '9' || n > 1 lsl 53 then raise Not_an_operation else (n * 10) + Char.code c - 48
  in
  let n = String.fold_left digit 0 word in
  if word = "" || n > 1 lsl 53 then raise Not_an_operation else n

let world = ref None

let carry_out line =
  let word, rest =
    match String.split_on_char ' ' line with
    | [] -> ("", [])
    | word :: rest -> (word, List.map parse_number rest)
  in
  match (word, rest, !world) with
  | ("" | "end"), [], _ -> world := None; text "end"
  | "settings", facts, None ->
      let chosen, good = settings facts in
      world := Some (start_world chosen);
      text (if good then "ready" else "refused lifetimes")
  | _, _, None -> raise Not_an_operation
  | word, rest, Some before ->
      let what = operation word rest in
      let after, came = step before what in
      world := Some after;
      outcome after what came

let answer_line line =
  (try carry_out line with Not_an_operation -> text "error");
  text "\n"

let flush () =
  print_string (Buffer.contents out);
  Stdlib.flush stdout;
  Buffer.clear out

(* Whole lines of what was read so far; the rest of it waits for more. *)
let rec read rest chunk =
  flush ();
  match Unix.read Unix.stdin chunk 0 (Bytes.length chunk) with
  | 0 -> if rest <> "" then answer_line rest
  | length ->
      let lines = String.split_on_char '\n' (rest ^ Bytes.sub_string chunk 0 length) in
      let rec each = function [] -> "" | [ last ] -> last | line :: more -> answer_line line; each more in
      read (each lines) chunk

let () =
  read "" (Bytes.create 65536);
  flush ()
