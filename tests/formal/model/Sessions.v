(* Sessions: their rows, their tokens, their renewal, and what has changed about them since their
   tokens were signed (policy/src/session.rs, token.rs, standing.rs). *)

From Doorward Require Import Base.

(* In milliseconds, whole seconds. *)
Record lifetimes := Lifetimes { idle : time; absolute : time }.

Definition default_lifetimes : lifetimes := Lifetimes (7 * day) (30 * day).

(* From seconds; [None] for what is out of bounds. *)
Definition lifetimes_of (idle absolute : N) : option lifetimes :=
  if (60 <=? idle) && (idle <=? absolute) && (absolute <=? 7776000)
  then Some (Lifetimes (idle * 1000) (absolute * 1000))
  else None.

(* The durable row. *)
Record row := Row {
  row_subject : N;
  row_caps : caps;
  created : time;
  row_expires : time;
  row_absolute : time;
  row_revoked : bool;
}.

Definition open_row (subject : N) (given : caps) (life : lifetimes) (now : time) : row :=
  let start := floor_second now in
  Row subject given start (start + idle life) (start + absolute life) false.

(* Neither revoked nor past its end. *)
Definition live_row (now : time) (one : row) : bool :=
  negb (row_revoked one) && (now <? row_expires one).

Definition extend (until : time) (one : row) : row :=
  if row_revoked one then one
  else Row (row_subject one) (row_caps one) (created one)
    (N.max (row_expires one) (N.min until (row_absolute one))) (row_absolute one) false.

Definition revoke_row (one : row) : row :=
  Row (row_subject one) (row_caps one) (created one) (row_expires one) (row_absolute one) true.

Definition limit_row (most : caps) (one : row) : row :=
  Row (row_subject one) (common (row_caps one) most) (created one) (row_expires one)
    (row_absolute one) (row_revoked one).

(* What a token says. *)
Record claims := Claims {
  session : N;
  subject : N;
  allows : caps;
  issued : time;
  expires : time;
  absolute_end : time;
}.

(* A token that was issued: its tag is that of [signed_by]. *)
Record token := Token { says : claims; signed_by : N }.

Definition claims_of (id : N) (one : row) : claims :=
  Claims id (row_subject one) (row_caps one) (created one) (row_expires one) (row_absolute one).

(* How far ahead an [issued] may lie: clocks of two machines differ. *)
Definition clock_skew : time := 300000.

Definition check_times (said : claims) (now : time) : result unit :=
  check (issued said <=? now + clock_skew) InvalidNotYetValid;;
  check ((now <? expires said) && (now <? absolute_end said)) SessionExpired.

(* The claims of the token that renews one, in the second half of its life. *)
Definition renewal (said : claims) (life : lifetimes) (now : time) : option claims :=
  let half := issued said + (expires said - issued said) / 2 in
  let start := floor_second now in
  let until := N.min (start + idle life) (absolute_end said) in
  if (half <=? now) && (now <? expires said) && (expires said <? until)
  then Some (Claims (session said) (subject said) (allows said) start until (absolute_end said))
  else None.

(* What is different about a session, and until when that is kept. *)
Inductive standing := Revoked | Limited (most : caps).

Record exception := Exception { stands : standing; until_ : time }.

Record standings := Standings { exceptions : table exception; as_of : time }.

(* A revocation is final. *)
Definition note (id : N) (how : standing) (until : time) (known : standings) : standings :=
  match get id (exceptions known) with
  | Some (Exception Revoked _) => known
  | _ => Standings (put id (Exception how until) (exceptions known)) (as_of known)
  end.

Definition refresh (now : time) (known : standings) : standings :=
  Standings (exceptions known) (N.max (as_of known) now).

Definition prune (now : time) (known : standings) : standings :=
  Standings (keep (fun one => now <? until_ one) (exceptions known)) (as_of known).

Definition is_fresh (freshness now : time) (known : standings) : bool :=
  now - as_of known <=? freshness.

(* The claims as they hold now. *)
Definition stand (freshness now : time) (known : standings) (said : claims) : result claims :=
  check (is_fresh freshness now known) UnavailableStale;;
  match get (session said) (exceptions known) with
  | None => Yes said
  | Some (Exception Revoked _) => No SessionRevoked
  | Some (Exception (Limited most) _) =>
      Yes (Claims (session said) (subject said) (common (allows said) most) (issued said)
        (expires said) (absolute_end said))
  end.

(* Which sessions to revoke or to limit. *)
Inductive selector := One (id : N) | OfSubject (who : N) | AllBut (id : N) | All.

Definition picks (which : selector) (id : N) (one : row) : bool :=
  match which with
  | One wanted => id =? wanted
  | OfSubject who => row_subject one =? who
  | AllBut spared => negb (id =? spared)
  | All => true
  end.

(* Ascending: the newest session comes first in its table. *)
Definition to_revoke (which : selector) (now : time) (rows : table row) : list N :=
  rev (map fst (filter (fun entry =>
    picks which (fst entry) (snd entry) && live_row now (snd entry)) rows)).

Definition to_limit (which : selector) (most : caps) (now : time) (rows : table row) : list N :=
  rev (map fst (filter (fun entry =>
    picks which (fst entry) (snd entry) && live_row now (snd entry)
      && negb (contains most (row_caps (snd entry)))) rows)).
