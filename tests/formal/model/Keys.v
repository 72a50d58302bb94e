(* Keys: the masters of one installation, of which one signs (policy/src/keys.rs). *)

From Doorward Require Import Base.

(* How long a new master only verifies. *)
Definition propagation : time := minute.
(* The longest that any token may live. *)
Definition ceiling : time := 90 * day.

Record master := Master { id_of : N; signs_from : time }.

(* The masters, the oldest first, and the highest id that was ever used. *)
Record keys := Keys { masters : list master; last_id : N }.

Definition generate (now : time) : keys := Keys [Master 1 now] 1.

Definition is_live (ring : keys) (id : N) : bool :=
  existsb (fun one => id =? id_of one) (masters ring).

(* The newest that signs already, else the first. *)
Definition signing (ring : keys) (now : time) : N :=
  match find (fun one => signs_from one <=? now) (rev (masters ring)), masters ring with
  | Some started, _ => id_of started
  | None, first :: _ => id_of first
  | None, [] => 0
  end.

(* A further master; none after the id 255. *)
Definition rotate (ring : keys) (now : time) : option keys :=
  if last_id ring <? 255 then
    let id := last_id ring + 1 in
    Some (Keys (masters ring ++ [Master id (now + propagation)]) id)
  else None.

(* A master in the place of all others, which signs at once. *)
Definition replace (ring : keys) (now : time) : option keys :=
  if last_id ring <? 255 then
    let id := last_id ring + 1 in Some (Keys [Master id now] id)
  else None.

(* Drops what a successor has outlived. *)
Fixpoint outlived (now : time) (all : list master) : list master :=
  match all with
  | _ :: ((next :: _) as rest) =>
      if signs_from next + ceiling <=? now then outlived now rest else all
  | _ => all
  end.

Definition prune_keys (ring : keys) (now : time) : keys :=
  Keys (outlived now (masters ring)) (last_id ring).
