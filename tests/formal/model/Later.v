(* What stays, whatever operations come: who sat where, which keys there were, which tokens. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room Door.
From Doorward Require Import Facts Decides Checks Answers Invariants.

(** What any operations lead to. *)
Inductive leads : world -> world -> Prop :=
| leads_here w : leads w w
| leads_on w w1 what o w2 : leads w w1 -> step w1 what = (w2, o) -> leads w w2.

Lemma leads_reached chosen w h w' : reached chosen w h -> leads w w' -> exists h', reached chosen w' h'.
Proof.
  intros R L. induction L as [w | w w1 what o w2 L IH H]; eauto. destruct (IH R) as [h' R'].
  eexists. eapply and_then; eauto.
Qed.

Definition keys_after (k n : N) (d : door) : Prop :=
  (forall m, In m (masters (ring d)) -> k < id_of m)
  /\ k <= last_id (ring d)
  /\ n <= next_token d
  /\ (forall t one, t < n -> In (t, one) (tokens d) -> signed_by one <= k).

Lemma keys_after_step chosen h k n w what w' o :
  reached chosen w h -> keys_after k n (the_door w) -> step w what = (w', o) -> keys_after k n (the_door w').
Proof.
  intros R (Above & Last & Next & Old) H. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (exceptions_below _ _ (numbers _ _ _ Holds)) as Known.
  destruct (world_ring _ _ _ _ Known H) as (_ & (Grows & From) & _).
  pose proof (step_moves _ _ _ _ Known H) as M.
  destruct (moved_grows _ _ _ _ M) as (_ & _ & More & _).
  split; [| split; [lia | split; [lia |]]].
  - intros m Is. apply From in Is. destruct Is as [Is | Is]; [auto | lia].
  - intros t one Less Is. apply (tokens_after _ _ _ _ _ _ M) in Is. destruct Is as [Is | [-> _]]; [eauto | lia].
Qed.

Lemma keys_after_all chosen k n w1 w2 : leads w1 w2 ->
  forall h, reached chosen w1 h -> keys_after k n (the_door w1) -> keys_after k n (the_door w2).
Proof.
  intros L. induction L as [w | w w1 what o w2 L IH H]; intros h R After; eauto.
  destruct (leads_reached _ _ _ _ R L) as [h1 R1]. eapply keys_after_step; eauto.
Qed.

(* The id of a new key. *)

Lemma new_key w what w' id : step w what = (w', Key id) ->
  id = last_id (ring (the_door w)) + 1 /\ last_id (ring (the_door w)) < 255
  /\ last_id (ring (the_door w')) = id.
Proof.
  intros H. destruct what; cbn [step] in H;
    try (destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl in S;
      unfold make_grant, change_workspaces, decided, renew in S;
      repeat (match type of S with context [match ?x with _ => _ end] => destruct x end);
      inversion S; fail).
  - simpl in H. unfold change_keys, rotate in H.
    destruct (N.ltb_spec (last_id (ring (the_door w))) 255); inversion H; subst; auto.
  - simpl in H. unfold change_keys, replace in H.
    destruct (N.ltb_spec (last_id (ring (the_door w))) 255); inversion H; subst; auto.
  - destruct (room_step _ _ _). inversion H.
Qed.

Lemma ids_given chosen w h : reached chosen w h ->
  1 <= last_id (ring (the_door w)) /\ forall e id, In e h -> came e = Key id -> id <= last_id (ring (the_door w)).
Proof.
  intros R. induction R as [Sound | w h what w' o R [First Given] H]; [simpl; split; [lia | tauto] |].
  pose proof (exceptions_below _ _ (numbers _ _ _ (reached_holds _ _ _ R))) as Known.
  destruct (world_ring _ _ _ _ Known H) as (_ & [Grows _] & _). split; [lia |].
  intros e id [<- | Is] Came; [| specialize (Given _ _ Is Came); lia].
  simpl in Came. subst o. apply new_key in H. lia.
Qed.

(* A token that a redemption told of is one of its session, for good. *)

Lemma tokens_remain d what d' o t one : moved d what d' o -> In (t, one) (tokens d) -> In (t, one) (tokens d').
Proof.
  intros M Is. destruct M as [what d' o Core _ _ | | | | | | | what d' v J Rd |]; simpl; auto.
  - destruct Core as (_ & _ & _ & _ & -> & _). exact Is.
  - inversion J; subst; try (simpl in Rd; tauto); simpl; auto.
Qed.

Lemma redeemed_token d what d' g again s t held until end_ joined :
  moved d what d' (Decided (Redeemed g again s t held until end_ joined)) ->
  exists one, In (t, one) (tokens d') /\ session (says one) = s.
Proof.
  intros M. inversion M as [? ? ? _ _ Silent | | | | | | | ? ? v J Rd |]; subst; [destruct Silent |].
  inversion J; subst; (eexists; split; [left; reflexivity | reflexivity]).
Qed.

Lemma tokens_stay chosen w h : reached chosen w h ->
  forall e g again s t held until end_ joined,
    In e h -> came e = Decided (Redeemed g again s t held until end_ joined) ->
    exists one, In (t, one) (tokens (the_door w)) /\ session (says one) = s.
Proof.
  intros R. induction R as [Sound | w h what w' o R IH H]; [intros ? ? ? ? ? ? ? ? ? [] |].
  pose proof (exceptions_below _ _ (numbers _ _ _ (reached_holds _ _ _ R))) as Known.
  pose proof (step_moves _ _ _ _ Known H) as M.
  intros e g again s t held until end_ joined [<- | Is] Came.
  - simpl in Came. subst o. eapply redeemed_token; eauto.
  - destruct (IH _ _ _ _ _ _ _ _ _ Is Came) as (one & Has & Mine). eauto using tokens_remain.
Qed.

(* The end of a session's row moves by a renewal alone. *)

Lemma end_moves d h what d' o s before after :
  numbered d h -> distinct (rows d) -> ends_kept d h -> moved d what d' o ->
  In (s, before) (rows d) -> In (s, after) (rows d') -> row_expires after <> row_expires before ->
  row_revoked before = false /\ now d < row_expires before
  /\ exists who t next, o = Renewed who t next /\ session who = s.
Proof.
  intros Num Dis Ends M Was Is Moved.
  assert (Same : forall old, In (s, old) (rows d) -> row_expires after <> row_expires old).
  { intros old Old. rewrite (distinct_in _ _ _ _ Dis Old Was). exact Moved. }
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t said ahead next U Good Re]; simpl in Is;
    try (exfalso; apply (Same _ Is); reflexivity).
  - exfalso. destruct Core as (_ & _ & Rows & _). rewrite Rows in Is. apply (Same _ Is). reflexivity.
  - exfalso. apply in_keep in Is. destruct Is as [Is _]. apply (Same _ Is). reflexivity.
  - exfalso. apply in_update_all in Is; [| apply revoke_row_twice]. destruct Is as [old [Is How]].
    apply (Same _ Is). destruct How as [[_ ->] | [_ ->]]; reflexivity.
  - exfalso. apply in_update_all in Is; [| apply limit_row_twice]. destruct Is as [old [Is How]].
    apply (Same _ Is). destruct How as [[_ ->] | [_ ->]]; reflexivity.
  - exfalso. inversion J; subst; try (simpl in Rd; tauto); simpl in Is; try (apply (Same _ Is); reflexivity).
    destruct Is as [Is | Is]; [| apply (Same _ Is); reflexivity].
    inversion Is; subst. apply (rows_below _ _ Num) in Was. lia.
  - apply in_update in Is. destruct Is as [old [Is ->]].
    rewrite (distinct_in _ _ _ _ Dis Is Was) in *. clear old Is.
    destruct (N.eqb_spec (session said) s) as [Mine | Other]; [| congruence].
    destruct (row_revoked before) eqn:Revoked; [unfold extend in Moved; rewrite Revoked in Moved; congruence |].
    split; auto. split; [| eauto].
    destruct Good as (one & Found & _ & _ & Soon & _ & Stands). apply stand_same in Stands.
    destruct Stands as (Session_ & _). apply get_in in Found. subst s. rewrite Session_ in Was.
    destruct (token_row _ _ Ends _ _ _ Found Was) as [_ Less]. specialize (Less Revoked). lia.
Qed.

(* Counters of guesses. *)

Definition counts_on (before after : counter) : Prop :=
  start after = start before /\ tried_codes before <= tried_codes after /\ tried_others before <= tried_others after.

Lemma drop_ended_keeps at_ key one all :
  In (key, one) all -> at_ < start one + window -> In (key, one) (drop_ended at_ all).
Proof.
  induction all as [| [found first] rest IH]; simpl; auto. intros Is Live.
  destruct (N.ltb_spec at_ (start first + window)); [exact Is |].
  destruct Is as [Is | Is]; auto. inversion Is; subst. lia.
Qed.

Lemma charge_keeps limit_ peer_ how at_ all key one :
  In (key, one) all -> at_ < start one + window ->
  exists after, In (key, after) (fst (charge limit_ peer_ how at_ all)) /\ counts_on one after.
Proof.
  intros Is Live. apply (drop_ended_keeps at_) in Is; auto.
  assert (Same : counts_on one one) by (unfold counts_on; repeat split; lia).
  assert (More : counts_on one (one_more how one)) by (unfold counts_on; destruct how; simpl; repeat split; lia).
  assert (Update : forall entries, In (key, one) entries ->
    exists after, In (key, after) (update (limit_key peer_) (one_more how) entries) /\ counts_on one after).
  { intros entries In_. exists (if limit_key peer_ =? key then one_more how one else one).
    split; [| destruct (_ =? _); auto]. unfold update. apply in_map_iff. exists (key, one). split; auto.
    simpl. destruct (_ =? _); reflexivity. }
  unfold charge. destruct (get (limit_key peer_) (drop_ended at_ all)) as [mine |] eqn:Mine.
  - rewrite Mine. destruct (_ <=? _); simpl; eauto.
  - destruct (_ <=? _); simpl; [eauto |].
    assert (In_ : In (key, one) (drop_ended at_ all ++ [(limit_key peer_, Counter at_ 0 0)]))
      by (apply in_or_app; auto).
    destruct (get (limit_key peer_) (drop_ended at_ all ++ _)); simpl; [| eauto]. destruct (_ <=? _); simpl; eauto.
Qed.

(* Whatever is no decision leaves them alone. *)
Lemma step_counts chosen w h what w' o : reached chosen w h -> step w what = (w', o) ->
  counters (the_door w') = counters (the_door w)
  \/ exists who how,
    counters (the_door w') = fst (charge (limit (set (the_door w))) who how (now (the_door w)) (counters (the_door w))).
Proof.
  intros R H. assert (Decided_ : forall v, o = Decided v -> counters (the_door w') = counters (the_door w)
    \/ exists who how, counters (the_door w')
      = fst (charge (limit (set (the_door w))) who how (now (the_door w)) (counters (the_door w)))).
  { intros v ->. apply step_charges in H. destruct H as [[Same _] | (how & Same & _)]; eauto. }
  pose proof (exceptions_below _ _ (numbers _ _ _ (reached_holds _ _ _ R))) as Known.
  destruct what; cbn [step] in H;
    try (left; destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl in S;
      unfold change_keys, make_grant, change_workspaces, decided in S;
      repeat (match type of S with context [match ?x with _ => _ end] => destruct x end);
      inversion S; reflexivity).
  - apply (Decided_ (snd (decide (the_door w) r))). simpl in H. inversion H. reflexivity.
  - simpl in H. destruct (decide (the_door w) r) as [d' v] eqn:D. pose proof (decide_judged _ _ _ _ Known D) as J.
    destruct v as [| [said |] held joined | |]; unfold decided in H;
      try (inversion H; subst; eapply Decided_; reflexivity); left; inversion J; subst; unfold renew in H;
      try destruct (renewal _ _ _); inversion H; reflexivity.
  - apply (Decided_ (snd (decide_hello (the_door w) h0))). simpl in H. inversion H. reflexivity.
  - left. destruct (room_step _ _ _). inversion H. reflexivity.
Qed.

(* Places of a room. *)

Record seats_kept (r : room) : Prop := {
  places_below : forall one, In one (seats r) -> seat_place one < next_place r;
  places_once : forall one other,
    In one (seats r) -> In other (seats r) -> seat_place one = seat_place other -> one = other;
}.

(* One seat more at most, at a place that nobody had. *)
Definition seats_follow (before after : room) : Prop :=
  (next_place after = next_place before /\ forall one, In one (seats after) -> In one (seats before))
  \/ (next_place after = next_place before + 1
      /\ exists new, seat_place new = next_place before
        /\ forall one, In one (seats after) -> In one (seats before) \/ one = new).

Lemma tick_seats r at_ : seats (tick r at_) = seats r /\ next_place (tick r at_) = next_place r.
Proof.
  unfold tick, vacate. simpl. destruct (leased r) as [one |]; auto.
  destruct (has_lapsed one _); auto. destruct (waiting r); auto.
Qed.

Lemma room_step_seats r at_ what : seats_follow r (fst (room_step r at_ what)).
Proof.
  destruct (tick_seats r at_) as [Seats Next].
  assert (Still : forall after, seats after = seats (tick r at_) -> next_place after = next_place (tick r at_) ->
    seats_follow r after).
  { intros after S N. left. rewrite S, N, Seats, Next. auto. }
  destruct what; simpl; try (left; auto; fail); try (apply Still; auto; fail).
  - unfold join_room. destruct (_ <=? _); [apply Still; auto |]. destruct (_ <=? _); [apply Still; auto |].
    set (new := Seat (next_place (tick r at_)) session may). set (joined := fst _).
    assert (Is : seats joined = seats (tick r at_) ++ [new] /\ next_place joined = next_place (tick r at_) + 1).
    { unfold joined, new. simpl. destruct may; auto. destruct (leased (tick r at_)); auto. destruct (_ =? _); auto. }
    destruct Is as [Has More]. right. split; [congruence |]. exists new. split; [simpl; auto |].
    intros one Is. rewrite Has in Is. apply in_app_or in Is. rewrite <- Seats.
    destruct Is as [Is | [Is | []]]; auto.
  - unfold leave. destruct (seat_at _ _); [| apply Still; auto]. left.
    assert (Less : forall one, In one (filter (fun one => negb (seat_place one =? p)) (seats (tick r at_))) -> In one (seats r)).
    { intros one Is. apply filter_In in Is. rewrite <- Seats. tauto. }
    destruct (may_own _ _); [simpl; auto |]. destruct (present_owner _ _); simpl; auto.
  - unfold ask. destruct (negb _); [apply Still; auto |].
    destruct (leased (tick r at_));
      (destruct (present_owner _ _); [apply Still; auto |];
       destruct (remembers _ _); apply Still; auto).
  - unfold hand_over. destruct (negb _); [apply Still; auto |]. destruct (negb _); apply Still; auto.
  - unfold release, vacate. destruct (negb _); [apply Still; auto |].
    simpl. destruct (waiting (tick r at_)); apply Still; auto.
  - unfold pose. destruct (match leased (tick r at_) with Some _ => _ | None => _ end); [apply Still; auto |].
    destruct (_ || _)%bool; [apply Still; auto |]. destruct (existsb _ _); apply Still; auto.
  - unfold answer_question. destruct (negb _); [apply Still; auto |]. destruct (negb _); apply Still; auto.
Qed.

Lemma step_seats w what w' o : step w what = (w', o) -> seats_follow (the_room w) (the_room w').
Proof.
  intros H. destruct what; cbn [step] in H;
    try (destruct (door_step _ _); inversion H; subst; left; auto; fail).
  pose proof (room_step_seats (the_room w) (now (the_door w)) what) as Follows.
  destruct (room_step _ _ _) as [r said]. inversion H; subst. exact Follows.
Qed.

Lemma seats_hold chosen w h : reached chosen w h -> seats_kept (the_room w).
Proof.
  intros R. induction R as [Sound | w h what w' o R [Below Once] H]; [constructor; simpl; tauto |].
  apply step_seats in H. destruct H as [[Next From] | (Next & new & At & From)]; constructor.
  - intros one Is. rewrite Next. auto.
  - auto.
  - intros one Is. apply From in Is. rewrite Next. destruct Is as [Is | ->]; [apply Below in Is |]; lia.
  - intros one other Is1 Is2 Same. apply From in Is1. apply From in Is2.
    destruct Is1 as [Is1 | ->], Is2 as [Is2 | ->]; auto;
      [apply Below in Is1 | apply Below in Is2]; lia.
Qed.

(* Whoever sits where somebody sat once was there already. *)
Lemma places_stay w w' : leads w w' ->
  next_place (the_room w) <= next_place (the_room w')
  /\ forall one, In one (seats (the_room w')) ->
      In one (seats (the_room w)) \/ next_place (the_room w) <= seat_place one.
Proof.
  intros L. induction L as [w | w w1 what o w2 L [Grows IH] H]; [split; [lia | auto] |].
  apply step_seats in H. destruct H as [[Next From] | (Next & new & At & From)]; (split; [lia |]); intros one Is;
    apply From in Is; [auto |]. destruct Is as [Is | ->]; [auto | right; lia].
Qed.

Lemma said_of_write w p w' said told_ : step w (InRoom (Write p)) = (w', RoomSaid said told_) ->
  said = Done \/ said = NotOwner \/ said = NotAllowed.
Proof.
  cbn [step]. simpl. intros H. inversion H as [[Is Said Told]]. unfold write.
  destruct (find _ _); auto. destruct (present_owner _ _); auto.
Qed.

(* Theorems with longer proofs. *)

Lemma denied_spends_nothing chosen w h what w' why :
  reached chosen w h -> step w what = (w', Decided (Denied why)) ->
  exists counters, the_door w' = with_counters (the_door w) counters.
Proof.
  intros R H. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (exceptions_below _ _ (numbers _ _ _ Holds)) as Known.
  destruct what; cbn [step] in H;
    try (destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl in *;
      unfold change_keys, make_grant, change_workspaces, decided in S;
      repeat (match type of S with context [match ?x with _ => _ end] => destruct x eqn:? end);
      inversion S; fail).
  - destruct (door_step _ _) as [d' o'] eqn:S. inversion H; subst. simpl in *. unfold decided in S.
    destruct (decide (the_door w) r) as [d'' v] eqn:D. inversion S; subst.
    pose proof (decide_judged _ _ _ _ Known D) as J. inversion J; subst; eauto.
  - destruct (door_step _ _) as [d' o'] eqn:S. inversion H; subst. simpl in *.
    destruct (decide (the_door w) r) as [d'' v] eqn:D.
    pose proof (decide_judged _ _ _ _ Known D) as J. unfold decided, renew in S. simpl in J.
    destruct v; [| destruct who; [destruct (renewal _ _ _) |] | |]; inversion S; subst.
    inversion J; subst; eauto.
  - destruct (door_step _ _) as [d' o'] eqn:S. inversion H; subst. simpl in *. unfold decided in S.
    destruct (decide_hello (the_door w) h0) as [d'' v] eqn:D. inversion S; subst.
    pose proof (decide_hello_judged _ _ _ _ Known D) as J. inversion J; subst; eauto.
  - destruct (room_step _ _ _). inversion H.
Qed.

Lemma denied_leaves_the_world chosen w h what w' why :
  reached chosen w h -> step w what = (w', Decided (Denied why)) ->
  exists counters, w' = World (with_counters (the_door w) counters) (the_room w).
Proof.
  intros R H. destruct (denied_spends_nothing _ _ _ _ _ _ R H) as [c Same]. exists c.
  assert (the_room w' = the_room w).
  { destruct what; cbn [step] in H; try (destruct (door_step _ _); inversion H; subst; reflexivity).
    destruct (room_step _ _ _). inversion H. }
  destruct w'; simpl in *. congruence.
Qed.

Lemma renewed_is chosen w h what w' who t next :
  reached chosen w h -> step w what = (w', Renewed who t next) ->
  let d := the_door w in
  exists ahead r before held joined,
    what = Renews ahead r
    /\ admissible d r who held joined
    /\ (presents r = Cookie before Genuine \/ presents r = Bearer before Genuine)
    /\ good_token d before who
    /\ now d < expires who
    /\ issued who + (expires who - issued who) / 2 <= now d + ahead < expires who
    /\ session next = session who /\ subject next = subject who /\ allows next = allows who
    /\ absolute_end next = absolute_end who
    /\ expires who < expires next
    /\ expires next = N.min (floor_second (now d + ahead) + idle (life chosen)) (absolute_end who)
    /\ get t (tokens (the_door w')) = Some (Token next (signing (ring d) (now d + ahead))).
Proof.
  intros R H d. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (as_chosen _ _ _ Holds) as Chosen. pose proof (exceptions_below _ _ (numbers _ _ _ Holds)) as Known.
  apply renewal_decides with (who := who) in H; auto. destruct H as (ahead & r & d' & held & joined & -> & D & Re).
  pose proof (decide_judged _ _ _ _ Known D) as J. inversion J; subst d'; subst.
  pose proof (decide_admits _ _ _ _ _ _ D) as Passed.
  destruct Passed as (rule & needed & before & Well & Access & Brings & Good & Checked).
  unfold renew in Re. destruct (renewal _ _ _) as [next_ |] eqn:Due; inversion Re; subst.
  unfold renewal in Due. destruct (_ && _ && _)%bool eqn:When in Due; [| discriminate].
  apply andb_true_iff in When. destruct When as [When Later]. apply andb_true_iff in When.
  destruct When as [Half Soon]. apply N.leb_le in Half. apply N.ltb_lt in Soon. apply N.ltb_lt in Later.
  inversion Due; subst. simpl in *.
  exists ahead, r, before, held, joined. unfold d.
  split; auto. split; [exists rule, needed, before; auto |]. split; auto. split; auto. split; [lia |].
  rewrite N.eqb_refl. auto 12.
Qed.

Lemma dropped_keys chosen w h w1 o w2 t said :
  reached chosen w h -> step w Replace = (w1, o) -> o <> Exhausted -> leads w1 w2 ->
  t < next_token (the_door w) -> ~ good_token (the_door w2) t said.
Proof.
  intros R H Done L Old (one & Found & Live & _). pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (exceptions_below _ _ (numbers _ _ _ Holds)) as Known.
  pose proof (keys_hold _ _ _ Holds) as [_ Signed].
  destruct (world_ring _ _ _ _ Known H) as (_ & (Grows & _) & New & _).
  assert (R1 : reached chosen w1 (Event (now (the_door w)) Replace o :: h)) by (eapply and_then; eauto).
  assert (After : keys_after (last_id (ring (the_door w))) (next_token (the_door w)) (the_door w1)).
  { pose proof (step_moves _ _ _ _ Known H) as M. destruct (moved_grows _ _ _ _ M) as (_ & _ & More & _).
    split; [auto |]. split; [lia |]. split; [lia |]. intros t' one' Less Is.
    apply (tokens_after _ _ _ _ _ _ M) in Is. destruct Is as [Is | [-> _]]; [eauto | lia]. }
  destruct (keys_after_all _ _ _ _ _ L _ R1 After) as (Above & _ & _ & Below).
  unfold is_live in Live. apply existsb_exists in Live. destruct Live as (m & Is & Same).
  apply N.eqb_eq in Same. apply Above in Is. apply get_in, Below in Found; auto. lia.
Qed.

Lemma same_nonce chosen w h e g p n s what w' g' again s' t held until end_ joined :
  reached chosen w h -> In e h -> bought_by g p n s e ->
  brings what = Some (g, p, n) -> now (the_door w) < when e + repeat_window ->
  step w what = (w', Decided (Redeemed g' again s' t held until end_ joined)) ->
  again = true /\ s' = s.
Proof.
  intros R Is By Brings Soon H. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
  pose proof (nonces_hold _ _ _ Holds) as [A _ C].
  inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; [destruct Silent |].
  inversion J as [| | | | c g0 at0 n0 needed want one after held0 joined0 B Fresh Found Redeems Held
    | c g0 at0 n0 needed want one s0 row stood held0 joined0 B Found Redeems Row Live Now Stands Held]; subst;
    rewrite Brings in B; inversion B; subst.
  - exfalso. pose proof (redeem_opens _ _ _ _ _ _ Redeems) as (_ & None & _).
    pose proof (A _ _ _ _ _ _ Is By (get_in _ _ _ Found) Soon) as Past.
    apply (find_none _ _ None) in Past. unfold repeats, in_window in Past. simpl in Past.
    rewrite N.eqb_refl, same_place_refl in Past. apply N.ltb_ge in Past. lia.
  - split; auto. pose proof (redeem_repeats _ _ _ _ _ _ Redeems) as (_ & use & Use & <-).
    apply find_some in Use. destruct Use as [In_ Which]. unfold repeats in Which. simpl in Which.
    apply andb_true_iff in Which. destruct Which as [Which Window]. apply andb_true_iff in Which.
    destruct Which as [Nonce Place]. apply N.eqb_eq in Nonce. apply same_place_eq in Place.
    pose proof (A _ _ _ _ _ _ Is By (get_in _ _ _ Found) Soon) as Past.
    apply (C _ _ _ _ (get_in _ _ _ Found) In_ Past); auto; simpl; auto.
    unfold in_window. simpl. apply N.ltb_lt. auto.
Qed.

Lemma out_after_expiry chosen w h e g again s t held until end_ joined what w' o held' :
  reached chosen w h -> In e h -> came e = Decided (Redeemed g again s t held until end_ joined) ->
  step w what = (w', o) -> enters o = Some (s, held') -> now (the_door w) < end_.
Proof.
  intros R Is Came H In_. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (exceptions_below _ _ (numbers _ _ _ Holds)) as Known.
  pose proof (ends_hold _ _ _ Holds) as Ends.
  destruct (event_ends _ _ Ends _ _ _ _ _ _ _ _ _ Is Came) as [Tokens Rows].
  destruct (step_enters _ _ _ _ _ _ Known H In_) as [(t' & said & Good & <- & _) | (d' & v & -> & J & Rd & Is')].
  - apply good_token_is in Good. destruct Good as (one & Has & Same & _ & _ & _ & End).
    rewrite <- (Tokens _ _ Has); auto.
  - destruct (events_below _ _ (numbers _ _ _ Holds) _ Is) as [_ Below]. rewrite Came in Below. simpl in Below.
    inversion J as [| | | | c g0 at0 n needed want one after held0 joined0 B Fresh Found Redeems Held
      | c g0 at0 n needed want one s0 row stood held0 joined0 B Found Redeems Row Live Now Stands Held];
      subst; try (simpl in Rd; tauto); simpl in Is'; inversion Is'; subst; [lia |].
    apply get_in in Row. rewrite <- (Rows _ Row). pose proof (row_ends _ _ Ends _ _ Row). lia.
Qed.

Lemma session_of_its_subject chosen w h e g s at_ uses life given who what w' said held joined :
  reached chosen w h -> In e h -> opened_by (came e) = Some (g, s) ->
  made g at_ uses life given who h ->
  step w what = (w', Decided (Admitted (Some said) held joined)) -> session said = s -> subject said = who.
Proof.
  intros R Is Opens Made H Mine.
  assert (Kept : subjects_kept (the_door w) h).
  { clear - R. induction R as [Sound | w h what w' o R IH H].
    - intros ? ? ? ? ? ? ? ? [].
    - pose proof (reached_holds _ _ _ R) as Holds.
      eapply subjects_kept_step; eauto using (numbers _ _ _ Holds), (uses_hold _ _ _ Holds).
      eapply step_moves; eauto. apply (exceptions_below _ _ (numbers _ _ _ Holds)). }
  destruct (Kept _ _ _ _ _ _ _ _ Is Opens Made) as [_ Tokens].
  assert (Good : exists t, good_token (the_door w) t said).
  { pose proof (exceptions_below _ _ (numbers _ _ _ (reached_holds _ _ _ R))) as Known.
    pose proof (step_moves _ _ _ _ Known H) as M.
    destruct what; cbn [step] in H; try (destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl in S;
      unfold change_keys, make_grant, change_workspaces in S;
      repeat (match type of S with context [match ?x with _ => _ end] => destruct x eqn:? end); inversion S; fail).
    - apply requests_decide in H. destruct H as [d' D]. pose proof (decide_judged _ _ _ _ Known D) as J.
      inversion J; subst. eauto.
    - simpl in H. destruct (decide _ r) as [d' v]. unfold decided, renew in H.
      destruct v as [| [|] ? ? | |]; try destruct (renewal _ _ _); inversion H.
    - simpl in H. destruct (decide_hello _ _) as [d' v] eqn:D. pose proof (decide_hello_judged _ _ _ _ Known D) as J.
      inversion H; subst. simpl in *. inversion J; subst; eauto.
    - destruct (room_step _ _ _). inversion H. }
  destruct Good as (t & one & Has & _ & _ & _ & _ & Stands).
  pose proof (stand_subject _ _ _ _ _ Stands). apply stand_same in Stands. destruct Stands as (Same & _).
  rewrite H0. eapply Tokens; [apply get_in; exact Has | congruence].
Qed.

Lemma comes_in_from_the_store chosen w h what w' o s held :
  reached chosen w h -> step w what = (w', o) -> enters o = Some (s, held) -> opened_by o = None ->
  exists one, In (s, one) (rows (the_door w)) /\ live_row (now (the_door w)) one = true.
Proof.
  intros R H In_ Again. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (exceptions_below _ _ (numbers _ _ _ Holds)) as Known.
  assert (Kept : tokens_have_rows (the_door w) /\ revoked_were_named (the_door w) h).
  { clear - R. induction R as [Sound | w h what w' o R [A B] H].
    - split; intros ? ? [].
    - pose proof (reached_holds _ _ _ R) as Holds.
      pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
      split; [eapply tokens_have_rows_step; eauto; apply (ends_hold _ _ _ Holds) | eapply revoked_were_named_step; eauto]. }
  destruct Kept as [Have Named].
  assert (Not : forall one, In (s, one) (rows (the_door w)) -> row_revoked one = false).
  { intros one Has. destruct (row_revoked one) eqn:Rev; auto. exfalso.
    destruct (Named _ _ Has Rev) as (e & ss & Is & Came & Mine).
    eapply over_stays_out; [eapply revoked_hold; eauto | eapply step_enters; eauto]. }
  destruct (step_enters _ _ _ _ _ _ Known H In_) as [(t' & said & Good & <- & _) | (d' & v & -> & J & Rd & Is')].
  - destruct Good as (tok & Has & _ & _ & Soon & End & Stands). apply stand_same in Stands.
    destruct Stands as (Same & _). apply get_in in Has.
    destruct (Have _ _ Has End) as [row Is]. rewrite <- Same in Is. exists row. split; auto.
    specialize (Not _ Is). unfold live_row. rewrite Not. simpl. apply N.ltb_lt.
    rewrite Same in Is. destruct (token_row _ _ (ends_hold _ _ _ Holds) _ _ _ Has Is) as [_ Less].
    specialize (Less Not). lia.
  - inversion J as [| | | | c g0 at0 n needed want one0 after held0 joined0 B Fresh Found Redeems Held
      | c g0 at0 n needed want one0 s0 row stood held0 joined0 B Found Redeems Row Live Now Stands Held];
      subst; try (simpl in Rd; tauto); simpl in Is'; inversion Is'; subst; [discriminate Again |].
    exists row. split; [apply get_in; auto |]. unfold live_row. rewrite Live. simpl. apply N.ltb_lt. exact Now.
Qed.
