(* Rooms: one session at a time holds the lease that lets it write (policy/src/room.rs). *)

From Doorward Require Import Base.

Definition lease_grace : time := 30000.
Definition question_life : time := 60000.
Definition most_places : N := 64.
Definition most_places_of_session : N := 8.
Definition most_questions : N := 16.
Definition most_questions_of_asker : N := 4.

Record seat := Seat { seat_place : N; sits : N; may_operate : bool }.
(* While the holder is away: when the lease ends. *)
Record lease := Lease { holder : N; lapses : option time }.
Record question := Question { asked_as : N; asker : N; ends : time }.

Inductive because := SaidNo | OwnerLeft | OwnerChanged | TimedOut.

Inductive effect :=
| Owns (who : option N)
| Allowed (q : N)
| Refused (q : N) (why : because).

Record room := Room {
  latest : time;
  seats : list seat;
  leased : option lease;
  waiting : list N;
  questions : list question;
  next_place : N;
  (* What has come of it and was not told yet. *)
  effects : list effect;
}.

Definition empty_room : room := Room 0 [] None [] [] 0 [].

Definition is_away (one : lease) : bool := match lapses one with Some _ => true | None => false end.
Definition is_present (one : lease) (session : N) : bool := (holder one =? session) && negb (is_away one).
Definition has_lapsed (one : lease) (now : time) : bool :=
  match lapses one with Some at_ => at_ <=? now | None => false end.

Definition present_owner (r : room) (session : N) : bool :=
  match leased r with Some one => is_present one session | None => false end.
Definition owner (r : room) : option N := option_map holder (leased r).
Definition owned_by (r : room) (session : N) : bool :=
  match owner r with Some one => one =? session | None => false end.
Definition may_own (r : room) (session : N) : bool :=
  existsb (fun one => (sits one =? session) && may_operate one) (seats r).

Definition others_than (session : N) (line : list N) : list N :=
  filter (fun one => negb (one =? session)) line.

Definition give (r : room) (session : N) : room :=
  Room (latest r) (seats r) (Some (Lease session None)) (others_than session (waiting r)) (questions r)
    (next_place r) (effects r ++ [Owns (Some session)]).

Definition deny_all (r : room) (why : because) : room :=
  Room (latest r) (seats r) (leased r) (waiting r) [] (next_place r)
    (effects r ++ map (fun one => Refused (asked_as one) why) (questions r)).

(* Ends the lease, and gives it to whoever has waited longest. *)
Definition vacate (r : room) : room :=
  let r := deny_all r OwnerChanged in
  let r := Room (latest r) (seats r) None (waiting r) (questions r) (next_place r) (effects r) in
  match waiting r with
  | next :: _ => give r next
  | [] => Room (latest r) (seats r) None [] (questions r) (next_place r) (effects r ++ [Owns None])
  end.

Definition overdue (now : time) (one : question) : bool := ends one <=? now.

Definition tick (r : room) (now : time) : room :=
  let at_ := N.max (latest r) now in
  let over := filter (overdue at_) (questions r) in
  let r := Room at_ (seats r) (leased r) (waiting r)
    (filter (fun one => negb (overdue at_ one)) (questions r)) (next_place r)
    (effects r ++ map (fun one => Refused (asked_as one) TimedOut) over) in
  match leased r with
  | Some one => if has_lapsed one at_ then vacate r else r
  | None => r
  end.

Inductive answer :=
| Done | Place (p : N) | RoomIsFull | SessionIsFull
| IsOwner | IsFollower | NoPlace | NotOwner | NotAllowed
| Granted | Waiting | MayNotOwn | NotWaiting | NoOwner | TooMany | Repeated | NoQuestion.

Definition join_room (r : room) (session : N) (may : bool) (now : time) : room * answer :=
  let r := tick r now in
  let theirs := count (filter (fun one => sits one =? session) (seats r)) in
  let kept_free := match leased r with
    | Some one => is_away one && negb (holder one =? session)
    | None => false
    end in
  let taken := count (seats r) + (if kept_free then 1 else 0) in
  if most_places_of_session <=? theirs then (r, SessionIsFull)
  else if most_places <=? taken then (r, RoomIsFull)
  else
    let p := next_place r in
    let r := Room (latest r) (seats r ++ [Seat p session may]) (leased r) (waiting r) (questions r)
      (p + 1) (effects r) in
    let r :=
      if may then
        match leased r with
        | None => give r session
        | Some one =>
            if holder one =? session then
              Room (latest r) (seats r) (Some (Lease session None)) (waiting r) (questions r)
                (next_place r) (effects r)
            else r
        end
      else r in
    (r, Place p).

Definition seat_at (r : room) (p : N) : option seat :=
  find (fun one => seat_place one =? p) (seats r).

Definition leave (r : room) (p : N) (now : time) : room :=
  let r := tick r now in
  match seat_at r p with
  | None => r
  | Some one =>
      let session := sits one in
      let r := Room (latest r) (filter (fun one => negb (seat_place one =? p)) (seats r)) (leased r)
        (waiting r) (questions r) (next_place r) (effects r) in
      if may_own r session then r
      else
        let r := Room (latest r) (seats r) (leased r) (others_than session (waiting r)) (questions r)
          (next_place r) (effects r) in
        if present_owner r session then
          deny_all (Room (latest r) (seats r) (Some (Lease session (Some (latest r + lease_grace))))
            (waiting r) (questions r) (next_place r) (effects r)) OwnerLeft
        else r
  end.

Definition role (r : room) (p : N) : answer :=
  match seat_at r p with
  | None => NoPlace
  | Some one => if may_operate one && present_owner r (sits one) then IsOwner else IsFollower
  end.

Definition write (r : room) (p : N) : answer :=
  match find (fun one => (seat_place one =? p) && may_operate one) (seats r) with
  | None => NotAllowed
  | Some one => if present_owner r (sits one) then Done else NotOwner
  end.

Definition ask (r : room) (session : N) (now : time) : room * answer :=
  let r := tick r now in
  if negb (may_own r session) then (r, MayNotOwn)
  else
    let r := match leased r with None => give r session | Some _ => r end in
    if present_owner r session then (r, Granted)
    else if remembers session (waiting r) then (r, Waiting)
    else (Room (latest r) (seats r) (leased r) (waiting r ++ [session]) (questions r) (next_place r)
      (effects r), Waiting).

Definition withdraw (r : room) (session : N) (now : time) : room :=
  let r := tick r now in
  Room (latest r) (seats r) (leased r) (others_than session (waiting r)) (questions r) (next_place r)
    (effects r).

Definition hand_over (r : room) (by_ to_ : N) (now : time) : room * answer :=
  let r := tick r now in
  if negb (owned_by r by_) then (r, NotOwner)
  else if negb (remembers to_ (waiting r)) then (r, NotWaiting)
  else (give (deny_all r OwnerChanged) to_, Done).

Definition release (r : room) (by_ : N) (now : time) : room * answer :=
  let r := tick r now in
  if negb (owned_by r by_) then (r, NotOwner) else (vacate r, Done).

Definition pose (r : room) (q by_ : N) (now : time) : room * answer :=
  let r := tick r now in
  if match leased r with Some one => is_away one | None => true end then (r, NoOwner)
  else
    let theirs := count (filter (fun one => asker one =? by_) (questions r)) in
    if (most_questions <=? count (questions r)) || (most_questions_of_asker <=? theirs)
    then (r, TooMany)
    else if existsb (fun one => asked_as one =? q) (questions r) then (r, Repeated)
    else (Room (latest r) (seats r) (leased r) (waiting r)
      (questions r ++ [Question q by_ (latest r + question_life)]) (next_place r) (effects r), Done).

Definition forget (q : N) (all : list question) : list question :=
  filter (fun one => negb (asked_as one =? q)) all.

Definition retract (r : room) (q : N) (now : time) : room :=
  let r := tick r now in
  Room (latest r) (seats r) (leased r) (waiting r) (forget q (questions r)) (next_place r) (effects r).

Definition answer_question (r : room) (by_ q : N) (allow : bool) (now : time) : room * answer :=
  let r := tick r now in
  if negb (present_owner r by_) then (r, NotOwner)
  else if negb (existsb (fun one => asked_as one =? q) (questions r)) then (r, NoQuestion)
  else
    let told := if allow then Allowed q else Refused q SaidNo in
    (Room (latest r) (seats r) (leased r) (waiting r) (forget q (questions r)) (next_place r)
      (effects r ++ [told]), Done).

Definition is_over (r : room) (now : time) : bool :=
  match seats r with
  | [] => match leased r with None => true | Some one => has_lapsed one (N.max (latest r) now) end
  | _ => false
  end.

(* What a driver may call. *)
Inductive room_operation :=
| Join (session : N) (may : bool)
| Leave (p : N)
| Role (p : N)
| Write (p : N)
| Ask (session : N)
| Withdraw (session : N)
| Hand (by_ to_ : N)
| Release (by_ : N)
| Pose (q by_ : N)
| Retract (q : N)
| AnswerTo (by_ q : N) (allow : bool)
| Tick
| Look.

Definition room_step (r : room) (now : time) (what : room_operation) : room * answer :=
  match what with
  | Join session may => join_room r session may now
  | Leave p => (leave r p now, Done)
  | Role p => (r, role r p)
  | Write p => (r, write r p)
  | Ask session => ask r session now
  | Withdraw session => (withdraw r session now, Done)
  | Hand by_ to_ => hand_over r by_ to_ now
  | Release by_ => release r by_ now
  | Pose q by_ => pose r q by_ now
  | Retract q => (retract r q now, Done)
  | AnswerTo by_ q allow => answer_question r by_ q allow now
  | Tick => (tick r now, Done)
  | Look => (r, Done)
  end.

(* The room once its effects were taken. *)
Definition told (r : room) : room :=
  Room (latest r) (seats r) (leased r) (waiting r) (questions r) (next_place r) [].
