(* Rooms: who holds the lease is who was last told to. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room Door.

(* The owner after what was told, if [before] was it until then. *)
Fixpoint owner_after (before : option N) (told_ : list effect) : option N :=
  match told_ with
  | [] => before
  | Owns who :: more => owner_after who more
  | _ :: more => owner_after before more
  end.

Lemma owner_after_app before first second :
  owner_after before (first ++ second) = owner_after (owner_after before first) second.
Proof. revert before. induction first as [| [] more IH]; simpl; auto. Qed.

(* Between two rooms, the lease changes as told. *)
Definition tells (before after : room) : Prop :=
  exists new, effects after = effects before ++ new /\ owner after = owner_after (owner before) new.

Lemma tells_nothing before after :
  effects after = effects before -> owner after = owner before -> tells before after.
Proof. intros E O. exists []. rewrite app_nil_r. auto. Qed.

Lemma tells_same r : tells r r.
Proof. apply tells_nothing; auto. Qed.

Lemma tells_then first second third : tells first second -> tells second third -> tells first third.
Proof.
  intros (n1 & E1 & O1) (n2 & E2 & O2). exists (n1 ++ n2).
  rewrite E2, E1, app_assoc. split; auto. rewrite owner_after_app, <- O1. auto.
Qed.

Lemma give_tells r s : tells r (give r s).
Proof. exists [Owns (Some s)]. split; reflexivity. Qed.

Lemma no_owner_told before told_ :
  (forall who, ~ In (Owns who) told_) -> owner_after before told_ = before.
Proof.
  induction told_ as [| one more IH]; simpl; auto. intros Not.
  destruct one; try (apply IH; intros who Is; apply (Not who); auto). exfalso. eapply Not. eauto.
Qed.

Lemma refusals_tell r why qs latest_ seats_ waiting_ questions_ next_ :
  tells r (Room latest_ seats_ (leased r) waiting_ questions_ next_
    (effects r ++ map (fun one => Refused (asked_as one) why) qs)).
Proof.
  eexists. split; [reflexivity |]. simpl. rewrite no_owner_told; auto.
  intros who Is. apply in_map_iff in Is. destruct Is as [one [Is _]]. discriminate.
Qed.

Lemma deny_all_tells r why : tells r (deny_all r why).
Proof. apply refusals_tell. Qed.

Lemma vacate_tells r : tells r (vacate r).
Proof.
  apply tells_then with (1 := deny_all_tells r OwnerChanged). unfold vacate. simpl.
  destruct (waiting r) as [| next more].
  - exists [Owns None]. split; reflexivity.
  - exists [Owns (Some next)]. split; reflexivity.
Qed.

Lemma tick_tells r at_ : tells r (tick r at_).
Proof.
  unfold tick.
  set (r' := Room _ _ _ _ _ _ _).
  assert (First : tells r r') by apply refusals_tell.
  change (leased r') with (leased r). destruct (leased r) as [one |] eqn:Leased; auto.
  destruct (has_lapsed one _); auto. eapply tells_then; [exact First | apply vacate_tells].
Qed.

Lemma room_step_tells r at_ what : tells r (fst (room_step r at_ what)).
Proof.
  destruct what; simpl; try apply tells_same.
  - unfold join_room. set (t := tick r at_). apply tells_then with (1 := tick_tells r at_). fold t.
    destruct (_ <=? _); [apply tells_same |]. destruct (_ <=? _); [apply tells_same |]. simpl.
    destruct may; [| apply tells_nothing; reflexivity].
    destruct (leased t) as [one |] eqn:Leased.
    + simpl. destruct (N.eqb_spec (holder one) session) as [<- |]; apply tells_nothing; auto;
        unfold owner; simpl; rewrite Leased; reflexivity.
    + exists [Owns (Some session)]. split; reflexivity.
  - unfold leave. set (t := tick r at_). apply tells_then with (1 := tick_tells r at_). fold t. destruct (seat_at t p) as [one |]; [| apply tells_same].
    destruct (may_own _ _); [apply tells_nothing; reflexivity |].
    destruct (present_owner _ _) eqn:Present; [| apply tells_nothing; reflexivity].
    unfold present_owner in Present. simpl in Present. destruct (leased t) as [had |] eqn:Leased; [| discriminate].
    unfold is_present in Present. apply andb_true_iff in Present. destruct Present as [Mine _].
    apply N.eqb_eq in Mine.
    eapply tells_then; [| apply deny_all_tells]. apply tells_nothing; auto.
    unfold owner. simpl. rewrite Leased. simpl. congruence.
  - unfold ask. set (t := tick r at_). apply tells_then with (1 := tick_tells r at_). fold t.
    destruct (negb _); [apply tells_same |].
    set (u := match leased t with None => give t session | Some _ => t end).
    assert (First : tells t u) by (unfold u; destruct (leased t); [apply tells_same | apply give_tells]).
    apply tells_then with (1 := First). destruct (present_owner u session); [apply tells_same |].
    destruct (remembers session (waiting u)); [apply tells_same |]. apply tells_nothing; reflexivity.
  - apply tells_then with (1 := tick_tells r at_). apply tells_nothing; reflexivity.
  - unfold hand_over. set (t := tick r at_). apply tells_then with (1 := tick_tells r at_). fold t.
    destruct (negb _); [apply tells_same |]. destruct (negb _); [apply tells_same |].
    eapply tells_then; [apply deny_all_tells | apply give_tells].
  - unfold release. set (t := tick r at_). apply tells_then with (1 := tick_tells r at_). fold t.
    destruct (negb _); [apply tells_same |]. apply vacate_tells.
  - unfold pose. set (t := tick r at_). apply tells_then with (1 := tick_tells r at_). fold t.
    destruct (leased t) as [one |] eqn:Leased; [destruct (is_away one) |]; try apply tells_same.
    destruct (_ || _)%bool; [apply tells_same |]. destruct (existsb _ _); [apply tells_same |].
    apply tells_nothing; auto. unfold owner. rewrite Leased. reflexivity.
  - apply tells_then with (1 := tick_tells r at_). apply tells_nothing; reflexivity.
  - unfold answer_question. set (t := tick r at_). apply tells_then with (1 := tick_tells r at_). fold t.
    destruct (negb _); [apply tells_same |]. destruct (negb _); [apply tells_same |].
    destruct allow; [exists [Allowed q] | exists [Refused q SaidNo]]; split; reflexivity.
  - apply tick_tells.
Qed.

(* Who was last announced as the owner of the lease. *)
Fixpoint announced (h : history) : option N :=
  match h with
  | [] => None
  | e :: before =>
      match came e with
      | RoomSaid _ told_ => owner_after (announced before) told_
      | _ => announced before
      end
  end.

Lemma owner_is_announced chosen w h :
  reached chosen w h -> effects (the_room w) = [] /\ owner (the_room w) = announced h.
Proof.
  intros R. induction R as [Sound | w h what w' o R [Silent Owner] H]; [auto |].
  destruct what; cbn [step] in H;
    try (destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl; split; auto; rewrite Owner;
      assert (Not : match o with RoomSaid _ _ => False | _ => True end); [
        clear - S; simpl in S; unfold change_keys, make_grant, change_workspaces, decided, renew in S;
        repeat (match type of S with context [match ?x with _ => _ end] => destruct x end);
        inversion S; subst; exact I
      | destruct o; auto; destruct Not ]; fail).
  destruct (room_step (the_room w) (now (the_door w)) what) as [r said] eqn:S. inversion H; subst.
  simpl. split; auto.
  pose proof (room_step_tells (the_room w) (now (the_door w)) what) as (new & E & O).
  rewrite S in E, O. simpl in E, O. rewrite Silent in E. simpl in E. subst new.
  rewrite <- Owner. exact O.
Qed.

Lemma who_writes r p : write r p = Done ->
  exists one, In one (seats r) /\ seat_place one = p /\ may_operate one = true /\ owner r = Some (sits one).
Proof.
  unfold write. destruct (find _ _) as [one |] eqn:Found; [| discriminate].
  destruct (present_owner r (sits one)) eqn:Present; [| discriminate]. intros _.
  apply find_some in Found. destruct Found as [Is Which]. apply andb_true_iff in Which.
  destruct Which as [Place May]. apply N.eqb_eq in Place. exists one. repeat split; auto.
  unfold present_owner in Present. unfold owner. destruct (leased r) as [had |]; [| discriminate].
  unfold is_present in Present. apply andb_true_iff in Present. destruct Present as [Mine _].
  apply N.eqb_eq in Mine. simpl. congruence.
Qed.
