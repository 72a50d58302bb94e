(* Words that everything else is told in: time, capabilities, tables, reasons.

   The model is one function, [step : door -> operation -> door * outcome] (Door.v). MAC and hash are
   abstract: a token is what it says, the key that made it and what is wrong with its text; a secret
   that is looked up is the number of its record. *)

From Coq Require Export NArith List Bool Lia.
Export ListNotations.
Global Open Scope N_scope.

(* Milliseconds. *)
Definition time := N.

(* Rounded down to what a token can spell: whole seconds. *)
Definition floor_second (at_ : time) : time := at_ / 1000 * 1000.

Definition minute : time := 60000.
Definition day : time := 86400000.

(* Sets of capabilities, as the bits of a token record. *)
Definition caps := N.
Definition observe : caps := 1.
Definition operate : caps := 2.
Definition every : caps := 15.

Definition common (one other : caps) : caps := N.land one other.
Definition both (one other : caps) : caps := N.lor one other.
Definition without (held lacking : caps) : caps := N.ldiff held lacking.
Definition contains (held needed : caps) : bool := without needed held =? 0.

(* Finite tables, newest entry first. *)
Definition table (A : Type) := list (N * A).

Fixpoint get {A} (key : N) (entries : table A) : option A :=
  match entries with
  | [] => None
  | (found, value) :: rest => if key =? found then Some value else get key rest
  end.

Definition update {A} (key : N) (change : A -> A) (entries : table A) : table A :=
  map (fun entry => if key =? fst entry then (fst entry, change (snd entry)) else entry) entries.

Definition remove {A} (key : N) (entries : table A) : table A :=
  filter (fun entry => negb (key =? fst entry)) entries.

Definition put {A} (key : N) (value : A) (entries : table A) : table A :=
  (key, value) :: remove key entries.

Definition keep {A} (wanted : A -> bool) (entries : table A) : table A :=
  filter (fun entry => wanted (snd entry)) entries.

Definition count {A} (entries : list A) : N := N.of_nat (length entries).

Definition remembers (key : N) (keys : list N) : bool := existsb (N.eqb key) keys.

(* Why a request is refused: the variants of the policy's [Denial] that the model tells apart. *)
Inductive reason :=
| MalformedHead | MalformedPath | MalformedHello
| UpgradeRefused | ServiceWorkerScript
| HostDenied | InsecureTransport
| OriginDenied | OriginMissing | FetchMetadata | BrowserRefused
| NoRoute
| CredentialMissing | CredentialAmbiguous | CookieShadowed
| InvalidMalformed | InvalidUnknownKey | InvalidBadTag | InvalidNotYetValid
| InvalidLocalMalformed | InvalidLocalUnknown
| SessionExpired | SessionRevoked
| GrantUnknown | GrantRevoked | GrantExpired | GrantSpent | GrantSessionGone
| WorkspaceUnknown | CapabilityLacking (lacking : caps) | LocalOnly
| GuessesLimited (until : time)
| UnavailableStale | UnavailableFull.

(* What a check comes to. *)
Inductive result (A : Type) :=
| Yes (value : A)
| No (why : reason).
Arguments Yes {A}.
Arguments No {A}.

Definition andThen {A B} (first : result A) (next : A -> result B) : result B :=
  match first with
  | Yes value => next value
  | No why => No why
  end.

Definition check (passes : bool) (why : reason) : result unit :=
  if passes then Yes tt else No why.

Notation "'do' x <- first ; next" := (andThen first (fun x => next))
  (at level 200, x name, right associativity).
Notation "first ;; next" := (andThen first (fun _ => next))
  (at level 100, next at level 200, right associativity).
