(* Everything that decisions are taken on, and that they change. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions.

Inductive exposure := Loopback | OnDesktop | Remote.

Record settings := Settings {
  life : lifetimes;
  limit : limits;
  most_sessions : N;
  most_grants : N;
  freshness : time;
  begins : time;
  exposed : exposure;
  unguarded : bool;
  service_workers : bool;
  (* What the rules for [/], [/a], [/b] and [/c] need, as far as there are such rules. *)
  rule_all : option caps;
  rule_a : option caps;
  rule_b : option caps;
  rule_c : option caps;
}.

Record door := Door {
  set : settings;
  now : time;
  ring : keys;
  grants : table grant;
  next_grant : N;
  (* The grants whose secret is a code that people type. *)
  typed : list N;
  rows : table row;
  next_session : N;
  tokens : table token;
  next_token : N;
  known : standings;
  counters : limiter;
  workspaces : directory;
}.

Definition opened (chosen : settings) : door := {|
  set := chosen;
  now := begins chosen;
  ring := generate (begins chosen);
  grants := [];
  next_grant := 0;
  typed := [];
  rows := [];
  next_session := 0;
  tokens := [];
  next_token := 0;
  known := Standings [] 0;
  counters := [];
  workspaces := [];
|}.

Definition with_now (d : door) (at_ : time) : door :=
  Door (set d) at_ (ring d) (grants d) (next_grant d) (typed d) (rows d) (next_session d) (tokens d)
    (next_token d) (known d) (counters d) (workspaces d).

Definition with_ring (d : door) (k : keys) : door :=
  Door (set d) (now d) k (grants d) (next_grant d) (typed d) (rows d) (next_session d) (tokens d)
    (next_token d) (known d) (counters d) (workspaces d).

Definition with_grants (d : door) (all : table grant) : door :=
  Door (set d) (now d) (ring d) all (next_grant d) (typed d) (rows d) (next_session d) (tokens d)
    (next_token d) (known d) (counters d) (workspaces d).

Definition with_new_grant (d : door) (one : grant) : door :=
  Door (set d) (now d) (ring d) ((next_grant d, one) :: grants d) (next_grant d + 1)
    (match by_method one with TypedCode => next_grant d :: typed d | _ => typed d end) (rows d)
    (next_session d) (tokens d) (next_token d) (known d) (counters d) (workspaces d).

Definition with_rows (d : door) (all : table row) : door :=
  Door (set d) (now d) (ring d) (grants d) (next_grant d) (typed d) all (next_session d) (tokens d)
    (next_token d) (known d) (counters d) (workspaces d).

Definition with_new_row (d : door) (one : row) : door :=
  Door (set d) (now d) (ring d) (grants d) (next_grant d) (typed d) ((next_session d, one) :: rows d)
    (next_session d + 1) (tokens d) (next_token d) (known d) (counters d) (workspaces d).

Definition with_new_token (d : door) (one : token) : door :=
  Door (set d) (now d) (ring d) (grants d) (next_grant d) (typed d) (rows d) (next_session d)
    ((next_token d, one) :: tokens d) (next_token d + 1) (known d) (counters d) (workspaces d).

Definition with_known (d : door) (k : standings) : door :=
  Door (set d) (now d) (ring d) (grants d) (next_grant d) (typed d) (rows d) (next_session d) (tokens d)
    (next_token d) k (counters d) (workspaces d).

Definition with_counters (d : door) (all : limiter) : door :=
  Door (set d) (now d) (ring d) (grants d) (next_grant d) (typed d) (rows d) (next_session d) (tokens d)
    (next_token d) (known d) all (workspaces d).

Definition with_workspaces (d : door) (all : directory) : door :=
  Door (set d) (now d) (ring d) (grants d) (next_grant d) (typed d) (rows d) (next_session d) (tokens d)
    (next_token d) (known d) (counters d) all.
