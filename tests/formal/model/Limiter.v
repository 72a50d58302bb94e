(* The limiter of guesses: counters of a minute, the oldest first (policy/src/limiter.rs). *)

From Doorward Require Import Base.

Definition window : time := minute.

Inductive guess := Code | Other.

Record limits := Limits { codes : N; others : N; capacity : N }.

Record counter := Counter { start : time; tried_codes : N; tried_others : N }.

Definition limiter := list (N * counter).

(* Whom a peer is counted as: an IPv4 address, or the /64 of an IPv6 address (see TRACE.md). *)
Definition limit_key (peer : N) : N :=
  if peer <? 200 then peer else 200 + (peer - 200) / 4.

Fixpoint drop_ended (now : time) (counters : limiter) : limiter :=
  match counters with
  | [] => []
  | (key, one) :: rest =>
      if now <? start one + window then counters else drop_ended now rest
  end.

Definition tried (what : guess) (one : counter) : N :=
  match what with Code => tried_codes one | Other => tried_others one end.

Definition most (limit : limits) (what : guess) : N :=
  match what with Code => codes limit | Other => others limit end.

Definition one_more (what : guess) (one : counter) : counter :=
  match what with
  | Code => Counter (start one) (tried_codes one + 1) (tried_others one)
  | Other => Counter (start one) (tried_codes one) (tried_others one + 1)
  end.

(* One guess more, or when to come back. A full table counts no newcomer. *)
Definition charge (limit : limits) (peer : N) (what : guess) (now : time) (counters : limiter)
  : limiter * option time :=
  let key := limit_key peer in
  let live := drop_ended now counters in
  let known :=
    match get key live with
    | Some _ => Some live
    | None => if capacity limit <=? count live then None else Some (live ++ [(key, Counter now 0 0)])
    end in
  match known with
  | None => (live, None)
  | Some all =>
      match get key all with
      | None => (all, None)
      | Some one =>
          if most limit what <=? tried what one then (all, Some (start one + window))
          else (update key (one_more what) all, None)
      end
  end.
