(* Grants: the one transition in which a use is consumed (policy/src/grant.rs). *)

From Doorward Require Import Base Workspaces.

Inductive method := Link | TypedCode | Desktop.

(* Where a grant is redeemed. *)
Inductive place := AtBootstrap | AtToken | AtHello.

Definition same_place (one other : place) : bool :=
  match one, other with
  | AtBootstrap, AtBootstrap | AtToken, AtToken | AtHello, AtHello => true
  | _, _ => false
  end.

Definition max_code_life : time := 10 * minute.
Definition max_link_life : time := 30 * day.
Definition repeat_window : time := minute.
Definition max_uses : N := 1000.

(* A use that was consumed. *)
Record consumed := Consumed { nonce : N; at_place : place; bought : N; at_time : time }.

Record grant := Grant {
  label : N;
  carries : caps;
  by_method : method;
  grant_expires : time;
  uses_left : N;
  grant_revoked : bool;
  past : list consumed;
}.

Inductive grant_refusal := BadCapabilities | BadUses | BadLife.

Definition longest (how : method) : time :=
  match how with TypedCode => max_code_life | Link | Desktop => max_link_life end.

Definition issue_grant (uses : N) (life : time) (given : caps) (how : method) (subject : N)
    (issuer : caps) (now : time) : grant + grant_refusal :=
  if (given =? 0) || negb (contains issuer given) then inr BadCapabilities
  else if (uses =? 0) || (max_uses <? uses) then inr BadUses
  else if (life =? 0) || (longest how <? life) then inr BadLife
  else inl (Grant subject given how (now + life) uses false []).

(* One try to redeem. *)
Record attempt := Attempt {
  with_nonce : N;
  where_ : place;
  needs : caps;
  wants : asked;
}.

Definition in_window (now : time) (use : consumed) : bool := now <? at_time use + repeat_window.

Definition repeats (now : time) (try : attempt) (use : consumed) : bool :=
  (nonce use =? with_nonce try) && same_place (at_place use) (where_ try) && in_window now use.

(* Whether the session that it buys would be admitted to what is asked for. *)
Definition sufficient (all : directory) (one : grant) (try : attempt) : result unit :=
  do found <- enter all (wants try) (Some (label one));
  let lacking := without (needs try) (common (carries one) (snd found)) in
  check (lacking =? 0) (CapabilityLacking lacking).

Inductive redemption :=
| Opens (after : grant)
| Repeats (session : N).

(* [session] is the one that is opened if the grant is good. *)
Definition redeem (all : directory) (one : grant) (try : attempt) (session : N) (now : time)
  : result redemption :=
  if grant_revoked one then No GrantRevoked
  else match find (repeats now try) (past one) with
  | Some use => sufficient all one try;; Yes (Repeats (bought use))
  | None =>
      if grant_expires one <=? now then No GrantExpired
      else if uses_left one =? 0 then No GrantSpent
      else
        sufficient all one try;;
        let use := Consumed (with_nonce try) (where_ try) session now in
        Yes (Opens (Grant (label one) (carries one) (by_method one) (grant_expires one)
          (uses_left one - 1) false (filter (in_window now) (past one) ++ [use])))
  end.

Definition revoke_grant (one : grant) : grant :=
  Grant (label one) (carries one) (by_method one) (grant_expires one) (uses_left one) true (past one).

(* When the record is of no more use, rounded up to a second. *)
Definition forget_grant_at (one : grant) : time :=
  floor_second (grant_expires one + repeat_window + 999).
