(* The decision on one request or connection, in its order (policy/src/admission):
   1 shape, 2 host, 3 route, 4 credential, 5 origin, 6 verification, 7 limiter, 8 workspace and
   capability, 9 the use of a grant. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State.

(* What a request is, as facts: see TRACE.md for the numbers. *)
Inductive shape := Fine | BadHead | BadPath | Connect.
Inductive host := Localhost | ListedHost | ForeignHost | HostOf (workspace : N).
Inductive guarded := PathX | PathA | PathB | PathC.
Inductive route :=
| Guarded (path : guarded)
| Health | WhoAmI | Renewal | Bootstrap | ForToken | Stay | NoSuch.
Inductive verb := Get | Head | Post | Delete.
Inductive upgrade := NoUpgrade | WebSocket | OtherUpgrade.
Inductive origin := NoOrigin | OwnOrigin | ListedOrigin | ForeignOrigin.
Inductive fetch := NoFetch | SameOrigin | NoSite | SameSite | CrossSite | Navigation.
Inductive flaw := Genuine | TagChanged | OnlyShaped | KeyZero.

Inductive credential :=
| NoCredential
| Cookie (t : N) (what : flaw)
| Bearer (t : N) (what : flaw)
| CookieAndBearer
| CookieTwice
| UnknownLocal
| MalformedLocal.

Record request := Request {
  peer : N;
  tls : bool;
  shaped : shape;
  host_of : host;
  to : route;
  by_verb : verb;
  upgrades : upgrade;
  worker : bool;
  from : origin;
  fetched : fetch;
  presents : credential;
  body_grant : N;
  body_nonce : N;
}.

(* The hello of a QUIC connection. *)
Inductive offer :=
| OffersNothing | OffersSeveral
| OffersToken (t : N) (what : flaw)
| OffersGrant (g nonce : N)
| OffersUnknownLocal | OffersMalformedLocal.

Record hello := Hello {
  hello_peer : N;
  hello_malformed : bool;
  server_name : option host;
  our_protocol : bool;
  for_token : bool;
  asks : caps;
  names : option N;
  offers : offer;
}.

(* What stands after step 5: what the rule asks for, and what was presented. *)
Inductive access :=
| Open
| Redeem (at_ : place) (needed : caps) (g nonce : N)
| Anyone
| Session (needed : caps)
| Process.

Inductive presented :=
| Nothing
| TokenOf (t : N) (what : flaw)
| Local (well_formed : bool).

Record examined := Examined {
  client : N;
  needs_access : access;
  was_presented : presented;
  wanted : asked;
}.

Section Examine.
Variable d : door.

(* 2. Host. *)
Definition answers_for (seen : host) : bool :=
  match seen with
  | Localhost => match exposed (set d) with Remote => false | _ => true end
  | ListedHost => true
  | ForeignHost => false
  | HostOf workspace =>
      negb (workspace =? 0)
        && match get workspace (workspaces d) with Some _ => true | None => false end
  end.

(* Loopback addresses come first in the numbering of peers. *)
Definition is_near (one : N) : bool := one <? 100.

(* 3. Route. *)
Definition or_all (rule : option caps) : option caps :=
  match rule with Some _ => rule | None => rule_all (set d) end.

Definition rule_of (path : guarded) : option caps :=
  match path with
  | PathX => rule_all (set d)
  | PathA => or_all (rule_a (set d))
  | PathB => or_all (rule_b (set d))
  | PathC => or_all (rule_c (set d))
  end.

(* What it takes to reach the guarded server past all rules. *)
Definition whole : option caps :=
  let needed rule := match rule with Some some => some | None => 0 end in
  match rule_all (set d) with
  | None => None
  | Some all =>
      Some (both all (both (needed (rule_a (set d)))
        (both (needed (rule_b (set d))) (needed (rule_c (set d))))))
  end.

Definition resolve (r : request) : result access :=
  match to r, by_verb r with
  | Guarded path, _ =>
      match rule_of path with
      | Some needed => Yes (Session needed)
      | None => No NoRoute
      end
  | Health, (Get | Head) => Yes Open
  | WhoAmI, Get => Yes Anyone
  | Renewal, Post => Yes (Session 0)
  | Bootstrap, Post => Yes (Redeem AtBootstrap 0 (body_grant r) (body_nonce r))
  | ForToken, Post => Yes (Redeem AtToken 0 (body_grant r) (body_nonce r))
  | Stay, Post => Yes Process
  | _, _ => No NoRoute
  end.

Definition asked_by (r : request) : asked :=
  match to r, host_of r with
  | Guarded _, HostOf workspace => Named workspace
  | Guarded _, _ => Default
  | _, _ => Own
  end.

(* 4. Credential: found, not yet verified. Who brings a grant is asked for nothing else. *)
Definition extract (r : request) : result presented :=
  match presents r with
  | NoCredential => Yes Nothing
  | Cookie t what | Bearer t what => Yes (TokenOf t what)
  | CookieAndBearer => No CredentialAmbiguous
  | CookieTwice => No CookieShadowed
  | UnknownLocal => Yes (Local true)
  | MalformedLocal => Yes (Local false)
  end.

Definition found (what : access) (r : request) : result presented :=
  match what with
  | Open | Redeem _ _ _ _ => Yes Nothing
  | Anyone | Session _ | Process => extract r
  end.

(* 5. Origin. *)
Definition from_page (r : request) : bool :=
  match fetched r with
  | SameOrigin | NoSite | Navigation => true
  | NoFetch | SameSite | CrossSite => false
  end.

Definition is_reading (r : request) : bool :=
  match by_verb r, upgrades r with
  | (Get | Head), NoUpgrade => true
  | _, _ => false
  end.

Definition is_ambient (what : access) (r : request) : bool :=
  match what, presents r with
  | (Anyone | Session _ | Process), Cookie _ _ => true
  | _, _ => false
  end.

Definition check_origin (what : access) (r : request) : result unit :=
  let for_programs := match what with Redeem AtToken _ _ _ => true | _ => false end in
  match from r with
  | NoOrigin =>
      let tells := match fetched r with NoFetch => false | _ => true end in
      if unguarded (set d) && tells then check (from_page r) FetchMetadata
      else if negb (is_ambient what r) then Yes tt
      else check (is_reading r) OriginMissing;; check (from_page r) FetchMetadata
  | _ =>
      check (negb for_programs) BrowserRefused;;
      match from r with
      | OwnOrigin | ListedOrigin => Yes tt
      | _ => No OriginDenied
      end
  end.

Definition check_shape (r : request) : result unit :=
  match shaped r with
  | BadHead => No MalformedHead
  | Connect => No UpgradeRefused
  | Fine | BadPath =>
      match upgrades r, by_verb r with
      | NoUpgrade, _ | WebSocket, Get => check (match shaped r with BadPath => false | _ => true end) MalformedPath
      | _, _ => No UpgradeRefused
      end
  end.

(* Steps 1 to 5 for an HTTP request: nothing here looks at a secret, and nothing is charged. *)
Definition examine (r : request) : result examined :=
  check_shape r;;
  check (answers_for (host_of r)) HostDenied;;
  check (tls r || is_near (peer r)) InsecureTransport;;
  do what <- resolve r;
  check (negb (worker r) || service_workers (set d)) ServiceWorkerScript;;
  do brought <- found what r;
  check_origin what r;;
  Yes (Examined (peer r) what brought (asked_by r)).

(* Steps 1 to 5 for a hello. *)
Definition hello_needs (h : hello) : option caps :=
  if for_token h then Some (asks h)
  else match whole with
  | Some all => Some (both all (asks h))
  | None => None
  end.

Definition asked_by_hello (h : hello) : asked :=
  match names h with
  | Some workspace => Named workspace
  | None => if for_token h then Own else Default
  end.

Definition hello_access (h : hello) (needed : caps) : result (access * presented) :=
  match offers h with
  | OffersSeveral => No CredentialAmbiguous
  | OffersNothing => Yes (Session needed, Nothing)
  | OffersToken t what => Yes (Session needed, TokenOf t what)
  | OffersGrant g n => Yes (Redeem AtHello needed g n, Nothing)
  | OffersUnknownLocal => Yes (Session needed, Local true)
  | OffersMalformedLocal => Yes (Session needed, Local false)
  end.

Definition examine_hello (h : hello) : result examined :=
  check (negb (hello_malformed h)) MalformedHello;;
  check (match server_name h with Some seen => answers_for seen | None => true end) HostDenied;;
  match hello_needs h with
  | None => No NoRoute
  | Some needed =>
      do how <- hello_access h needed;
      check (our_protocol h) BrowserRefused;;
      Yes (Examined (hello_peer h) (fst how) (snd how) (asked_by_hello h))
  end.

(* 6. Verification of a token: its form, its key, its tag, its times, and how its session stands. *)
Definition read_token (t : N) (what : flaw) : result claims :=
  match get t (tokens d), what with
  | None, _ | _, OnlyShaped => No InvalidMalformed
  | Some _, KeyZero => No InvalidUnknownKey
  | Some one, (Genuine | TagChanged) =>
      check (is_live (ring d) (signed_by one)) InvalidUnknownKey;;
      check (match what with Genuine => true | _ => false end) InvalidBadTag;;
      check_times (says one) (now d);;
      Yes (says one)
  end.

Definition verify_token (t : N) (what : flaw) : result claims :=
  do said <- read_token t what;
  stand (freshness (set d)) (now d) (known d) said.

(* There are no local tokens: one that is well-formed is looked up, and unknown. *)
Definition verify_local (well_formed : bool) : reason :=
  if negb well_formed then InvalidLocalMalformed
  else if is_fresh (freshness (set d)) (now d) (known d) then InvalidLocalUnknown
  else UnavailableStale.

(* 8. Workspace, then capability. Everything that is admitted passes here. *)
Definition allowed_to (who : option claims) : caps :=
  match who with Some said => allows said | None => 7 end.

Definition let_in (who : option claims) (want : asked) (needed : caps) : result (caps * option N) :=
  do entered <- enter (workspaces d) want (option_map subject who);
  let held := common (allowed_to who) (snd entered) in
  let lacking := without needed held in
  check (lacking =? 0) (CapabilityLacking lacking);;
  Yes (held, fst entered).
End Examine.

(* What a decision comes to. *)
Inductive verdict :=
| Opened
| Admitted (who : option claims) (held : caps) (at_ : option N)
| Redeemed (g : N) (again : bool) (s t : N) (held : caps) (until end_ : time) (at_ : option N)
| Denied (why : reason).

(* 7. The limiter: a failed verification is charged as a guess, unless its MAC showed that it is none. *)
Definition is_guess (why : reason) : bool :=
  match why with
  | InvalidMalformed | InvalidUnknownKey | InvalidBadTag | InvalidNotYetValid
  | InvalidLocalMalformed | InvalidLocalUnknown => true
  | _ => false
  end.

Definition refuse (d : door) (who : N) (why : reason) : door * verdict :=
  if is_guess why then
    let (after, limited) := charge (limit (set d)) who Other (now d) (counters d) in
    (with_counters d after,
      Denied (match limited with Some until => GuessesLimited until | None => why end))
  else (d, Denied why).

Definition conclude (d : door) (who : option claims) (e : examined) (needed : caps) : door * verdict :=
  match let_in d who (wanted e) needed with
  | Yes (held, at_) => (d, Admitted who held at_)
  | No why => (d, Denied why)
  end.

Definition verify (d : door) (e : examined) (needed : caps) : door * verdict :=
  if unguarded (set d) then conclude d None e needed
  else match was_presented e with
  | Nothing => (d, Denied CredentialMissing)
  | Local well_formed => refuse d (client e) (verify_local d well_formed)
  | TokenOf t what =>
      match verify_token d t what with
      | Yes said => conclude d (Some said) e needed
      | No why => refuse d (client e) why
      end
  end.

(* 9. The use of a grant, last: the transition of the ledger, and what follows from it. *)
Definition sign (d : door) (said : claims) (at_ : time) : door :=
  with_new_token d (Token said (signing (ring d) at_)).

Definition resume (d : door) (e : examined) (needed : caps) (g s : N) (again : bool) : door * verdict :=
  match get s (rows d) with
  | None => (d, Denied GrantSessionGone)
  | Some one =>
      let said := claims_of s one in
      match (do stood <- stand (freshness (set d)) (now d) (known d) said;
             let_in d (Some stood) (wanted e) needed) with
      | No why => (d, Denied why)
      | Yes (held, at_) =>
          (sign d said (now d),
            Redeemed g again s (next_token d) held (row_expires one) (row_absolute one) at_)
      end
  end.

(* What a repeated redemption comes to, given the row of the session that it bought. *)
Definition repeat_of (d : door) (s : N) : result unit :=
  match get s (rows d) with
  | None => No GrantSessionGone
  | Some one =>
      check (negb (row_revoked one)) GrantRevoked;;
      check (now d <? row_expires one) GrantSessionGone
  end.

Definition set_grant (d : door) (g : N) (after : grant) : door :=
  with_grants d (update g (fun _ => after) (grants d)).

Definition consume (d : door) (e : examined) (try : attempt) (g : N) : door * verdict :=
  match get g (grants d) with
  | None => (d, Denied GrantUnknown)
  | Some one =>
      match redeem (workspaces d) one try (next_session d) (now d) with
      | No why => (d, Denied why)
      | Yes (Repeats s) =>
          match repeat_of d s with
          | No why => (d, Denied why)
          | Yes _ => resume d e (needs try) g s true
          end
      | Yes (Opens after) =>
          (* Full means refuse, and a refusal spends nothing. *)
          if most_sessions (set d) <=? count (rows d) then (d, Denied UnavailableFull)
          else
            let fresh := open_row (label one) (carries one) (life (set d)) (now d) in
            let d' := with_new_row (set_grant d g after) fresh in
            resume d' e (needs try) g (next_session d) false
      end
  end.

Definition guess_of (d : door) (g : N) : guess := if remembers g (typed d) then Code else Other.

(* Charged before the store is asked. *)
Definition redeem_at (d : door) (e : examined) (at_ : place) (needed : caps) (g n : N) : door * verdict :=
  if negb (is_fresh (freshness (set d)) (now d) (known d)) then (d, Denied UnavailableStale)
  else
    let (after, limited) := charge (limit (set d)) (client e) (guess_of d g) (now d) (counters d) in
    let d' := with_counters d after in
    match limited with
    | Some until => (d', Denied (GuessesLimited until))
    | None => consume d' e (Attempt n at_ needed (wanted e)) g
    end.

(* Steps 6 to 9, of which there is one for every transport. *)
Definition judge (d : door) (e : examined) : door * verdict :=
  match needs_access e, was_presented e with
  | Open, _ | Anyone, Nothing => (d, Opened)
  | Redeem at_ needed g n, _ => redeem_at d e at_ needed g n
  | Anyone, _ => verify d e 0
  | Session needed, _ => verify d e needed
  | Process, Nothing => (d, Denied CredentialMissing)
  | Process, Local well_formed => refuse d (client e) (verify_local d well_formed)
  | Process, TokenOf _ _ => (d, Denied LocalOnly)
  end.

Definition judge_all (d : door) (seen : result examined) : door * verdict :=
  match seen with
  | Yes e => judge d e
  | No why => (d, Denied why)
  end.

Definition decide (d : door) (r : request) : door * verdict := judge_all d (examine d r).
Definition decide_hello (d : door) (h : hello) : door * verdict := judge_all d (examine_hello d h).
