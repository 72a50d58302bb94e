(* The whole: every operation, and what it comes to. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room.

Inductive operation :=
| Advance (span : time)
| Refresh
| Sweep
| Prune
| Rotate
| Replace
| PruneKeys
| MakeGrant (uses : N) (life : time) (given : caps) (how : method) (subject : N) (issuer : caps)
| RevokeGrant (g : N)
| Revoke (which : selector)
| Limit (which : selector) (most : caps)
| Uses (g : N)
| RowOf (s : N)
| Create (workspace : N)
| PlaceAnew (workspace : N)
| DeleteWorkspace (workspace : N)
| AdmitMember (workspace subject : N) (one : member)
| Expel (workspace subject : N)
| Requests (r : request)
| Renews (ahead : time) (r : request)
| Greets (h : hello)
| InRoom (what : room_operation).

Inductive outcome :=
| Present (at_ : time)
| Finished
| Key (id : N)
| Exhausted
| KeysLeft (ids : list N)
| Made (g : N)
| NotMade (why : grant_refusal)
| GrantsFull
| NoSuchGrant
| RevokedAll (sessions : list N)
| LimitedAll (sessions : list N)
| UsesLeft (left_ : option N)
| RowIs (one : option row)
| ChangeRefused (why : refusal)
| Decided (what : verdict)
| Renewed (who : claims) (t : N) (next : claims)
| Kept (who : option claims)
| RoomSaid (what : answer) (told : list effect).

(* The door, and a room beside it: rooms know sessions by their numbers alone. *)
Record world := World { the_door : door; the_room : room }.

Definition start_world (chosen : settings) : world := World (opened chosen) empty_room.

Definition sweep (d : door) : door :=
  let kept_grants := keep (fun one => now d <? forget_grant_at one) (grants d) in
  let kept_rows := keep (fun one => now d <? floor_second (row_absolute one + 999)) (rows d) in
  with_rows (with_grants d kept_grants) kept_rows.

Definition make_grant (d : door) (made : grant + grant_refusal) : door * outcome :=
  match made with
  | inr why => (d, NotMade why)
  | inl one =>
      if most_grants (set d) <=? count (grants d) then (d, GrantsFull)
      else (with_new_grant d one, Made (next_grant d))
  end.

Definition note_all (d : door) (sessions : list N) (how : row -> standing) : door :=
  with_known d (fold_left (fun k s =>
    match get s (rows d) with
    | Some one => note s (how one) (row_absolute one) k
    | None => k
    end) sessions (known d)).

Definition change_rows (d : door) (sessions : list N) (how : row -> row) : door :=
  with_rows d (fold_left (fun all s => update s how all) sessions (rows d)).

Definition revoke_sessions (d : door) (which : selector) : door * outcome :=
  let picked := to_revoke which (now d) (rows d) in
  (note_all (change_rows d picked revoke_row) picked (fun _ => Revoked), RevokedAll picked).

Definition limit_sessions (d : door) (which : selector) (most : caps) : door * outcome :=
  let picked := to_limit which most (now d) (rows d) in
  (note_all (change_rows d picked (limit_row most)) picked (fun one => Limited (row_caps one)),
    LimitedAll picked).

Definition change_workspaces (d : door) (changed : change) : door * outcome :=
  match changed with
  | inl all => (with_workspaces d all, Finished)
  | inr why => (d, ChangeRefused why)
  end.

Definition change_keys (d : door) (changed : option keys) : door * outcome :=
  match changed with
  | Some k => (with_ring d k, Key (last_id k))
  | None => (d, Exhausted)
  end.

(* Only a token renews, of a session that was admitted by it. *)
Definition renew (d : door) (ahead : time) (said : claims) : door * outcome :=
  let at_ := now d + ahead in
  match renewal said (life (set d)) at_ with
  | None => (d, Kept (Some said))
  | Some next =>
      (with_rows (sign d next at_) (update (session said) (extend (expires next)) (rows d)),
        Renewed said (next_token d) next)
  end.

Definition decided (done : door * verdict) : door * outcome := (fst done, Decided (snd done)).

Definition door_step (d : door) (what : operation) : door * outcome :=
  match what with
  | Advance span => (with_now d (now d + span), Present (now d + span))
  | Refresh => (with_known d (refresh (now d) (known d)), Finished)
  | Sweep => (sweep d, Finished)
  | Prune => (with_known d (prune (now d) (known d)), Finished)
  | Rotate => change_keys d (rotate (ring d) (now d))
  | Replace => change_keys d (replace (ring d) (now d))
  | PruneKeys =>
      let k := prune_keys (ring d) (now d) in (with_ring d k, KeysLeft (map id_of (masters k)))
  | MakeGrant uses life given how subject issuer =>
      make_grant d (issue_grant uses life given how subject issuer (now d))
  | RevokeGrant g =>
      match get g (grants d) with
      | Some _ => (with_grants d (update g revoke_grant (grants d)), Finished)
      | None => (d, NoSuchGrant)
      end
  | Revoke which => revoke_sessions d which
  | Limit which most => limit_sessions d which most
  | Uses g => (d, UsesLeft (option_map uses_left (get g (grants d))))
  | RowOf s => (d, RowIs (get s (rows d)))
  | Create workspace => change_workspaces d (create (workspaces d) workspace)
  | PlaceAnew workspace => change_workspaces d (place_anew (workspaces d) workspace)
  | DeleteWorkspace workspace => change_workspaces d (delete (workspaces d) workspace)
  | AdmitMember workspace subject one =>
      change_workspaces d (admit_member (workspaces d) workspace subject one)
  | Expel workspace subject => change_workspaces d (expel (workspaces d) workspace subject)
  | Requests r => decided (decide d r)
  | Greets h => decided (decide_hello d h)
  | Renews ahead r =>
      match decide d r with
      | (d', Admitted (Some said) _ _) => renew d' ahead said
      | (d', Admitted None _ _) => (d', Kept None)
      | done => decided done
      end
  | InRoom _ => (d, Finished)
  end.

Definition step (w : world) (what : operation) : world * outcome :=
  match what with
  | InRoom inside =>
      let (r, said) := room_step (the_room w) (now (the_door w)) inside in
      (World (the_door w) (told r), RoomSaid said (effects r))
  | _ =>
      let (d, came) := door_step (the_door w) what in (World d (the_room w), came)
  end.

(* What happened when, the latest first. *)
Record event := Event { when : time; op : operation; came : outcome }.
Definition history := list event.

(* What [lifetimes_of] sees to: no token is made to outlive its session. *)
Definition sound (chosen : settings) : Prop := idle (life chosen) <= absolute (life chosen).

(* The worlds that operations lead to, with how they came about: what the theorems are about. *)
Inductive reached (chosen : settings) : world -> history -> Prop :=
| at_first : sound chosen -> reached chosen (start_world chosen) []
| and_then w h what w' o :
    reached chosen w h -> step w what = (w', o) ->
    reached chosen w' (Event (now (the_door w)) what o :: h).

(* A trace, for examples and for the oracle. *)
Fixpoint run (w : world) (all : list operation) (h : history) : world * history :=
  match all with
  | [] => (w, h)
  | what :: rest =>
      let (w', o) := step w what in run w' rest (Event (now (the_door w)) what o :: h)
  end.
