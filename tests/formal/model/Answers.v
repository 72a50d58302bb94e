(* What a step came to, and which checks have passed then: the theorems about requests, with their proofs. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room Door.
From Doorward Require Import Facts Decides Checks.

(* It came to what was decided. *)

Lemma requests_decide w r w' v : step w (Requests r) = (w', Decided v) -> exists d', decide (the_door w) r = (d', v).
Proof. simpl. unfold decided. destruct (decide (the_door w) r) as [d' v']. intros [= _ <-]. eauto. Qed.

Lemma greets_decide w h w' v : step w (Greets h) = (w', Decided v) -> exists d', decide_hello (the_door w) h = (d', v).
Proof. simpl. unfold decided. destruct (decide_hello (the_door w) h) as [d' v']. intros [= _ <-]. eauto. Qed.

Lemma renews_decide w ahead r w' v : step w (Renews ahead r) = (w', Decided v) ->
  exists d', decide (the_door w) r = (d', v).
Proof.
  simpl. destruct (decide (the_door w) r) as [d' v'] eqn:D. unfold decided, renew.
  destruct v' as [| [said |] | |]; try destruct (renewal _ _ _); intros H; inversion H; subst; eauto.
Qed.

(* What a renewal came to, also of a token that is kept as it is. *)
Lemma renewal_decides w what w' o who :
  match o with Renewed he _ _ => he = who | Kept he => he = Some who | _ => False end ->
  step w what = (w', o) ->
  exists ahead r d' held joined, what = Renews ahead r /\ decide (the_door w) r = (d', Admitted (Some who) held joined)
    /\ renew d' ahead who = (the_door w', o).
Proof.
  intros Is H. destruct what; cbn [step] in H;
    try (destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl in S;
      unfold change_keys, make_grant, change_workspaces, decided in S;
      repeat (match type of S with context [match ?x with _ => _ end] => destruct x end);
      inversion S; subst; destruct Is; fail).
  - destruct (door_step _ _) as [d' o'] eqn:S. inversion H; subst. simpl in S.
    destruct (decide (the_door w) r) as [d'' v] eqn:D.
    destruct v as [| [said |] held joined | |]; try (inversion S; subst; destruct Is; fail).
    + assert (Same : said = who).
      { unfold renew in S. destruct (renewal _ _ _); inversion S; subst; congruence. }
      subst said. exists ahead, r, d'', held, joined. auto.
    + inversion S; subst. discriminate.
  - destruct (room_step _ _ _). inversion H; subst. destruct Is.
Qed.

Lemma decide_is d r d' v : decide d r = (d', v) ->
  (d' = d /\ exists why, v = Denied why) \/ exists e, examine d r = Yes e /\ judge d e = (d', v).
Proof. unfold decide, judge_all. destruct (examine d r); [eauto | intros [= <- <-]; eauto]. Qed.

Lemma decide_hello_is d h d' v : decide_hello d h = (d', v) ->
  (d' = d /\ exists why, v = Denied why) \/ exists e, examine_hello d h = Yes e /\ judge d e = (d', v).
Proof. unfold decide_hello, judge_all. destruct (examine_hello d h); [eauto | intros [= <- <-]; eauto]. Qed.

Lemma token_stands d t what said : verify_token d t what = Yes said ->
  exists before, stand (freshness (set d)) (now d) (known d) before = Yes said /\ session said = session before.
Proof.
  unfold verify_token. intros H. apply then_yes in H. destruct H as [before [_ Stands]]. exists before. split; auto.
  unfold stand in Stands. apply then_yes in Stands. destruct Stands as [? [_ Stands]].
  destruct (get _ _) as [[[| most] u] |] in Stands; inversion Stands; reflexivity.
Qed.

Lemma decide_admits d r d' said held joined :
  decide d r = (d', Admitted (Some said) held joined) -> admissible d r said held joined.
Proof.
  intros D. apply decide_is in D. destruct D as [[_ [why Is]] | (e & Examined & D)]; [discriminate |].
  apply examine_is in Examined. destruct Examined as (_ & Wants & Well & Found).
  apply judge_admits in D. destruct D as (_ & needed & t & what & Access & Presented & Verified & Admits).
  pose proof (only_genuine_verifies _ _ _ _ Verified) as ->.
  exists (needs_access e), needed, t. rewrite <- Wants.
  split; auto. split; auto. split; [| split].
  - rewrite Presented in Found. unfold found, extract in Found.
    destruct Access as [Access | [Access _]]; rewrite Access in Found; destruct (presents r); inversion Found; auto.
  - eapply verify_token_good; eauto.
  - apply token_stands in Verified. destruct Verified as (before & Stands & _). eapply let_in_checked; eauto.
Qed.

Lemma hello_admits w h w' said held joined :
  step w (Greets h) = (w', Decided (Admitted (Some said) held joined)) ->
  let d := the_door w in
  exists needed t,
    presentable_hello d h needed
    /\ offers h = OffersToken t Genuine
    /\ good_token d t said
    /\ checked d said (asked_by_hello h) needed held joined.
Proof.
  intros H d. apply greets_decide in H. destruct H as [d' D]. fold d in D.
  apply decide_hello_is in D. destruct D as [[_ [why Is]] | (e & Examined & D)]; [discriminate |].
  apply examine_hello_is in Examined. destruct Examined as (_ & Wants & needed & Well & Offers).
  apply judge_admits in D. destruct D as (_ & needed' & t & what & Access & Presented & Verified & Admits).
  pose proof (only_genuine_verifies _ _ _ _ Verified) as ->.
  assert (Is : offers h = OffersToken t Genuine /\ needed' = needed).
  { unfold hello_access in Offers. destruct (offers h); inversion Offers as [[A P]]; rewrite Presented in *;
      try discriminate; destruct Access as [Access | [Access _]]; rewrite Access in A; inversion A; subst;
      inversion P; subst; auto. }
  destruct Is as [Is ->]. exists needed, t. split; auto. split; auto. split; [eapply verify_token_good; eauto |].
  rewrite <- Wants. apply token_stands in Verified. destruct Verified as (before & Stands & _).
  eapply let_in_checked; eauto.
Qed.

Lemma step_redeems w what w' g again s t held until end_ joined :
  step w what = (w', Decided (Redeemed g again s t held until end_ joined)) ->
  let d := the_door w in
  (exists at_ n r, (what = Requests r \/ exists ahead, what = Renews ahead r)
    /\ presentable d r (Redeem at_ 0 g n)
    /\ bought_well d (peer r) at_ g n (asked_by r) 0 again s held joined)
  \/ (exists needed n h, what = Greets h
    /\ presentable_hello d h needed
    /\ offers h = OffersGrant g n
    /\ bought_well d (hello_peer h) AtHello g n (asked_by_hello h) needed again s held joined).
Proof.
  intros H d.
  assert (Http : forall r d', decide d r = (d', Redeemed g again s t held until end_ joined) ->
    exists at_ n, presentable d r (Redeem at_ 0 g n)
      /\ bought_well d (peer r) at_ g n (asked_by r) 0 again s held joined).
  { intros r d' D. apply decide_is in D. destruct D as [[_ [why Is]] | (e & Examined & D)]; [discriminate |].
    apply examine_is in Examined. destruct Examined as (Peer & Wants & Well & _).
    apply judge_redeems in D. destruct D as (at_ & needed & n & Access & D). apply redeem_at_is in D.
    rewrite Access, Peer, Wants in *.
    assert (needed = 0).
    { pose proof (has_a_rule _ _ _ Well) as Rule. unfold resolve in Rule.
      destruct (to r), (by_verb r); try discriminate; try (destruct (rule_of d path); discriminate);
        inversion Rule; auto. }
    subst needed. eauto. }
  pose proof H as H'. destruct what; cbn [step] in H;
    try (destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl in S;
      unfold change_keys, make_grant, change_workspaces, decided in S;
      repeat (match type of S with context [match ?x with _ => _ end] => destruct x end);
      inversion S; fail).
  - left. apply requests_decide in H'. destruct H' as [d' D]. apply Http in D. destruct D as (at_ & n & D).
    exists at_, n, r. split; [auto | tauto].
  - left. apply renews_decide in H'. destruct H' as [d' D]. apply Http in D. destruct D as (at_ & n & D).
    exists at_, n, r. split; [eauto | tauto].
  - right. apply greets_decide in H'. destruct H' as [d' D]. fold d in D.
    apply decide_hello_is in D. destruct D as [[_ [why Is]] | (e & Examined & D)]; [discriminate |].
    apply examine_hello_is in Examined. destruct Examined as (Peer & Wants & needed & Well & Offers).
    apply judge_redeems in D. destruct D as (at_ & needed' & n & Access & D). apply redeem_at_is in D.
    rewrite Peer, Wants in D. rewrite Access in Offers.
    exists needed, n, h. unfold hello_access in Offers. destruct (offers h) eqn:Offered; inversion Offers; subst; auto.
  - destruct (room_step _ _ _). inversion H.
Qed.

Lemma step_admits_nobody w what w' held joined :
  step w what = (w', Decided (Admitted None held joined)) ->
  let d := the_door w in
  unguarded (set d) = true
  /\ (joined <> None -> is_off (workspaces d) = true)
  /\ ((exists r rule, what = Requests r /\ presentable d r rule)
      \/ (exists h needed, what = Greets h /\ presentable_hello d h needed)).
Proof.
  intros H d.
  assert (Judged : forall e d', judge d e = (d', Admitted None held joined) ->
    unguarded (set d) = true /\ (joined <> None -> is_off (workspaces d) = true)).
  { intros e d' D. apply judge_admits_nobody in D. destruct D as (Open_ & needed & _ & Admits). split; auto.
    intros Some_. destruct joined as [workspace |]; [| congruence].
    unfold let_in in Admits. apply then_yes in Admits. destruct Admits as [[joins allowed] [Enters Admits]].
    apply then_yes in Admits. destruct Admits as [? [_ Admits]]. inversion Admits; subst. simpl in Enters.
    apply enter_is_join in Enters. eapply nobody_joins; eauto. }
  pose proof H as H'. destruct what; cbn [step] in H;
    try (destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl in S;
      unfold change_keys, make_grant, change_workspaces, decided in S;
      repeat (match type of S with context [match ?x with _ => _ end] => destruct x end);
      inversion S; fail).
  - apply requests_decide in H'. destruct H' as [d' D]. fold d in D.
    apply decide_is in D. destruct D as [[_ [why Is]] | (e & Examined & D)]; [discriminate |].
    apply Judged in D. destruct D. apply examine_is in Examined. destruct Examined as (_ & _ & Well & _). eauto 8.
  - destruct (door_step _ _) as [d' o'] eqn:S. inversion H; subst. simpl in S. unfold decided, renew in S.
    repeat (match type of S with context [match ?x with _ => _ end] => destruct x end); inversion S.
  - apply greets_decide in H'. destruct H' as [d' D]. fold d in D.
    apply decide_hello_is in D. destruct D as [[_ [why Is]] | (e & Examined & D)]; [discriminate |].
    apply Judged in D. destruct D. apply examine_hello_is in Examined.
    destruct Examined as (_ & _ & needed & Well & _). eauto 8.
  - destruct (room_step _ _ _). inversion H.
Qed.

Lemma route_is_closed w r w' o path :
  to r = Guarded path -> step w (Requests r) = (w', o) ->
  (rule_of (the_door w) path = None
   \/ (unguarded (set (the_door w)) = false
       /\ forall t what, presents r <> Cookie t what /\ presents r <> Bearer t what)) ->
  exists why, o = Decided (Denied why).
Proof.
  intros To H Closed. cbn [step] in H. destruct (door_step (the_door w) (Requests r)) as [d' o'] eqn:S.
  inversion H; subst. simpl in S. unfold decided in S. set (d := the_door w) in *.
  destruct (decide d r) as [d'' v] eqn:D. inversion S; subst. simpl in *.
  unfold decide, judge_all in D. destruct (examine d r) as [e |] eqn:Examined; [| inversion D; eauto].
  unfold examine in Examined.
  apply then_yes in Examined; destruct Examined as [? [_ Examined]].
  apply then_yes in Examined; destruct Examined as [? [_ Examined]].
  apply then_yes in Examined; destruct Examined as [? [_ Examined]].
  apply then_yes in Examined; destruct Examined as [rule [Rule Examined]].
  apply then_yes in Examined; destruct Examined as [? [_ Examined]].
  apply then_yes in Examined; destruct Examined as [brought_ [Found Examined]].
  apply then_yes in Examined; destruct Examined as [? [_ Examined]].
  inversion Examined; subst e. clear Examined.
  unfold resolve in Rule. rewrite To in Rule.
  destruct (rule_of d path) as [needed |] eqn:Has; [| discriminate]. inversion Rule; subst rule.
  destruct Closed as [Closed | [Guards None_]]; [discriminate |].
  unfold judge, verify in D. simpl in D. rewrite Guards in D. unfold found, extract in Found.
  destruct (presents r) eqn:Presents; inversion Found; subst brought_;
    try (exfalso; destruct (None_ t what); congruence).
  - inversion D; eauto.
  - unfold refuse in D. destruct (is_guess _); [destruct (charge _ _ _ _ _) |]; inversion D; eauto.
  - unfold refuse in D. destruct (is_guess _); [destruct (charge _ _ _ _ _) |]; inversion D; eauto.
Qed.

Lemma route_is_closed_to_renewals w r w' o path ahead :
  to r = Guarded path -> step w (Renews ahead r) = (w', o) ->
  (rule_of (the_door w) path = None
   \/ (unguarded (set (the_door w)) = false
       /\ forall t what, presents r <> Cookie t what /\ presents r <> Bearer t what)) ->
  exists why, o = Decided (Denied why).
Proof.
  intros To H Closed.
  destruct (step w (Requests r)) as [w1 o1] eqn:S1.
  destruct (route_is_closed _ _ _ _ _ To S1 Closed) as [why ->].
  simpl in H, S1. unfold decided in H, S1. destruct (decide (the_door w) r) as [d' v]. simpl in S1.
  inversion S1; subst v. inversion H. eauto.
Qed.

Lemma hello_is_closed w h w' o :
  step w (Greets h) = (w', o) ->
  ((for_token h = false /\ exists path, rule_of (the_door w) path = None)
   \/ (unguarded (set (the_door w)) = false
       /\ forall t what g n, offers h <> OffersToken t what /\ offers h <> OffersGrant g n)) ->
  exists why, o = Decided (Denied why).
Proof.
  intros H Closed. set (d := the_door w) in *.
  assert (Is : exists v, o = Decided v) by (simpl in H; unfold decided in H; inversion H; eauto).
  destruct Is as [v ->]. apply greets_decide in H. destruct H as [d' D]. fold d in D.
  apply decide_hello_is in D. destruct D as [[_ [why ->]] | (e & Examined & D)]; eauto.
  apply examine_hello_is in Examined. destruct Examined as (_ & _ & needed & Well & Offers).
  destruct Closed as [[For_ [path None_]] | [Guards None_]].
  - destruct (needs_what_rules_ask _ _ _ Well For_ path) as (some & Rule & _). congruence.
  - unfold hello_access in Offers. unfold judge, verify in D. rewrite Guards in D.
    destruct (offers h) eqn:Offered; inversion Offers as [[A P]];
      try (exfalso; destruct (None_ t what 0 0); congruence);
      try (exfalso; destruct (None_ 0 Genuine g nonce); congruence);
      rewrite <- A, <- P in D.
    + inversion D; eauto.
    + unfold refuse in D. destruct (is_guess _); [destruct (charge _ _ _ _ _) |]; inversion D; eauto.
    + unfold refuse in D. destruct (is_guess _); [destruct (charge _ _ _ _ _) |]; inversion D; eauto.
Qed.

(* Counters of guesses stand in the way of nobody with a good token. *)

Lemma judge_admits_anyway d e d' who held joined c :
  judge d e = (d', Admitted who held joined) ->
  exists d'', judge (with_counters d c) e = (d'', Admitted who held joined).
Proof.
  assert (Verify : forall needed, verify d e needed = (d', Admitted who held joined) ->
    exists d'', verify (with_counters d c) e needed = (d'', Admitted who held joined)).
  { unfold verify, conclude. intros needed. simpl. destruct (unguarded (set d)).
    - change (let_in (with_counters d c) None) with (let_in d None).
      destruct (let_in _ _ _ _) as [[? ?] |]; intros [= _ <- <- <-]; eauto.
    - destruct (was_presented e); [discriminate | |].
      + change (verify_token (with_counters d c)) with (verify_token d).
        destruct (verify_token d t what) as [said |]; [| intros H; exfalso; eapply refusing_admits_nobody; eauto].
        change (let_in (with_counters d c)) with (let_in d).
        destruct (let_in _ _ _ _) as [[? ?] |]; intros [= _ <- <- <-]; eauto.
      + intros H. exfalso. eapply refusing_admits_nobody; eauto. }
  unfold judge. destruct (needs_access e) as [| at_ needed g n | | needed |]; intros H.
  - discriminate.
  - exfalso. eapply redeeming_admits_nobody; eauto.
  - destruct (was_presented e); [discriminate | |]; apply Verify; exact H.
  - apply Verify. exact H.
  - destruct (was_presented e); try discriminate. exfalso. eapply refusing_admits_nobody; eauto.
Qed.

Lemma step_admits_anyway w what w' who held joined c :
  step w what = (w', Decided (Admitted who held joined)) ->
  exists w'', step (World (with_counters (the_door w) c) (the_room w)) what = (w'', Decided (Admitted who held joined)).
Proof.
  intros H. pose proof H as H'. destruct what; cbn [step] in H;
    try (destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl in S;
      unfold change_keys, make_grant, change_workspaces, decided in S;
      repeat (match type of S with context [match ?x with _ => _ end] => destruct x end);
      inversion S; fail).
  - apply requests_decide in H'. destruct H' as [d' D].
    apply decide_is in D. destruct D as [[_ [why Is]] | (e & Examined & D)]; [discriminate |].
    apply (judge_admits_anyway _ _ _ _ _ _ c) in D. destruct D as [d'' D].
    simpl. unfold decided, decide, judge_all.
    change (examine (with_counters (the_door w) c) r) with (examine (the_door w) r).
    rewrite Examined, D. simpl. eauto.
  - destruct (door_step _ _) as [d' o'] eqn:S. inversion H; subst. simpl in S. unfold decided, renew in S.
    repeat (match type of S with context [match ?x with _ => _ end] => destruct x end); inversion S.
  - apply greets_decide in H'. destruct H' as [d' D].
    apply decide_hello_is in D. destruct D as [[_ [why Is]] | (e & Examined & D)]; [discriminate |].
    apply (judge_admits_anyway _ _ _ _ _ _ c) in D. destruct D as [d'' D].
    simpl. unfold decided, decide_hello, judge_all.
    change (examine_hello (with_counters (the_door w) c) h) with (examine_hello (the_door w) h).
    rewrite Examined, D. simpl. eauto.
  - destruct (room_step _ _ _). inversion H.
Qed.

(* What is charged as a guess. *)

Lemma then_no {A B} (first : result A) (next : A -> result B) why :
  andThen first next = No why -> first = No why \/ exists found, first = Yes found /\ next found = No why.
Proof. destruct first; simpl; intros H; [right; eauto | left; congruence]. Qed.

Lemma check_no passes why other : check passes why = No other -> other = why.
Proof. unfold check. destruct passes; congruence. Qed.

(* One check after the other; what is refused by the first that fails is no guess. *)
Ltac no_guess H :=
  apply then_no in H; destruct H as [H | (? & _ & H)];
    [try (apply check_no in H; subst; reflexivity) |].

Lemma found_guesses_nothing rule r why : found rule r = No why -> is_guess why = false.
Proof. unfold found, extract. destruct rule, (presents r); intros [= <-]; reflexivity. Qed.

Lemma origin_guesses_nothing d rule r why : check_origin d rule r = No why -> is_guess why = false.
Proof.
  unfold check_origin, check. destruct (from r), (unguarded (set d)), (fetched r), (is_ambient rule r), (is_reading r),
    (from_page r), rule as [| [] | | |]; simpl; intros [= <-]; reflexivity.
Qed.

Lemma examine_guesses_nothing d r why : examine d r = No why -> is_guess why = false.
Proof.
  unfold examine. intros H. no_guess H.
  { unfold check_shape, check in H. destruct (shaped r), (upgrades r), (by_verb r); inversion H; reflexivity. }
  no_guess H. no_guess H. no_guess H.
  { unfold resolve in H. destruct (to r), (by_verb r); try destruct (rule_of d path); inversion H; reflexivity. }
  no_guess H. no_guess H; [eapply found_guesses_nothing; eauto |].
  no_guess H; [eapply origin_guesses_nothing; eauto | discriminate].
Qed.

Lemma examine_hello_guesses_nothing d h why : examine_hello d h = No why -> is_guess why = false.
Proof.
  unfold examine_hello. intros H. no_guess H. no_guess H.
  destruct (hello_needs d h); [| inversion H; reflexivity]. no_guess H.
  { unfold hello_access in H. destruct (offers h); inversion H; reflexivity. }
  no_guess H. discriminate.
Qed.

Lemma let_in_guesses_nothing d who want needed why : let_in d who want needed = No why -> is_guess why = false.
Proof.
  unfold let_in. intros H. no_guess H; [| no_guess H; discriminate].
  unfold enter in H. destruct want; [discriminate | |]; destruct (join _ _ _) as [[? ?] |]; inversion H; reflexivity.
Qed.

(* Nothing was charged, or one guess of [who]: for a grant, or for what is no credential of anybody's. *)
Definition charged (d d' : door) (who : N) (for_a_grant : bool) (v : verdict) : Prop :=
  (counters d' = counters d /\ forall why, v = Denied why -> is_guess why = false)
  \/ exists how, counters d' = fst (charge (limit (set d)) who how (now d) (counters d))
    /\ (for_a_grant = true
        \/ (how = Other /\ exists why, is_guess why = true
            /\ v = Denied (match snd (charge (limit (set d)) who how (now d) (counters d)) with
                           | Some until => GuessesLimited until
                           | None => why
                           end))).

Lemma refuse_charges d who why d' v some : refuse d who why = (d', v) -> charged d d' who some v.
Proof.
  unfold refuse. destruct (is_guess why) eqn:Guess.
  - destruct (charge _ _ _ _ _) as [after limited] eqn:Charged. intros [= <- <-]. right. exists Other.
    rewrite Charged. split; auto. right. split; auto. exists why. auto.
  - intros [= <- <-]. left. split; auto. intros other [= <-]. exact Guess.
Qed.

Lemma redeem_at_charges d e at_ needed g n d' v :
  redeem_at d e at_ needed g n = (d', v) -> charged d d' (client e) true v.
Proof.
  unfold redeem_at. destruct (negb _); [intros [= <- <-]; left; split; [auto | intros why [= <-]; reflexivity] |].
  destruct (charge _ _ _ _ _) as [after limited] eqn:Charged. intros H. right. exists (guess_of d g).
  rewrite Charged. split; auto. destruct limited as [until |]; [inversion H; auto |].
  unfold consume, resume in H. simpl in H.
  repeat (match type of H with context [match ?x with _ => _ end] => destruct x end); inversion H; reflexivity.
Qed.

Lemma judge_charges d e d' v : judge d e = (d', v) ->
  charged d d' (client e) (match brought e with Some _ => true | None => false end) v.
Proof.
  assert (Verify : forall needed some, verify d e needed = (d', v) -> charged d d' (client e) some v).
  { assert (Conclude : forall who needed some, conclude d who e needed = (d', v) -> charged d d' (client e) some v).
    { unfold conclude. intros who needed some. destruct (let_in _ _ _ _) as [[held joined] | why] eqn:Admits;
        intros [= <- <-]; left; split; auto; [discriminate |].
      intros other [= <-]. eapply let_in_guesses_nothing; eauto. }
    unfold verify. intros needed some. destruct (unguarded (set d)); [apply Conclude |].
    destruct (was_presented e); [| | apply refuse_charges].
    - intros [= <- <-]. left. split; auto. intros why [= <-]. reflexivity.
    - destruct (verify_token d t what); [apply Conclude | apply refuse_charges]. }
  unfold judge, brought. destruct (needs_access e) as [| at_ needed g n | | needed |]; intros H.
  - inversion H; subst. left. split; [auto | discriminate].
  - eapply redeem_at_charges; eauto.
  - destruct (was_presented e); [inversion H; subst; left; split; [auto | discriminate] | |]; eapply Verify; eauto.
  - eapply Verify; eauto.
  - destruct (was_presented e); [| | eapply refuse_charges; eauto];
      (inversion H; subst; left; split; [auto | intros why [= <-]; reflexivity]).
Qed.

Definition comes_from (what : operation) : N :=
  match what with Requests r | Renews _ r => peer r | Greets h => hello_peer h | _ => 0 end.

Definition brings_a_grant (what : operation) : bool := match brings what with Some _ => true | None => false end.

Lemma decide_charges d r d' v : decide d r = (d', v) -> charged d d' (peer r) (brings_a_grant (Requests r)) v.
Proof.
  intros D. unfold decide, judge_all in D. destruct (examine d r) as [e | why] eqn:Examined.
  - pose proof (examine_brings _ _ _ Examined) as Brings. apply examine_is in Examined.
    destruct Examined as (<- & _). unfold brings_a_grant. rewrite <- Brings. apply judge_charges. exact D.
  - inversion D; subst. left. split; auto. intros other [= <-]. eapply examine_guesses_nothing; eauto.
Qed.

Lemma decide_hello_charges d h d' v :
  decide_hello d h = (d', v) -> charged d d' (hello_peer h) (brings_a_grant (Greets h)) v.
Proof.
  intros D. unfold decide_hello, judge_all in D. destruct (examine_hello d h) as [e | why] eqn:Examined.
  - pose proof (examine_hello_brings _ _ _ Examined) as Brings. apply examine_hello_is in Examined.
    destruct Examined as (<- & _). unfold brings_a_grant. rewrite <- Brings. apply judge_charges. exact D.
  - inversion D; subst. left. split; auto. intros other [= <-]. eapply examine_hello_guesses_nothing; eauto.
Qed.

Lemma step_charges w what w' v : step w what = (w', Decided v) ->
  charged (the_door w) (the_door w') (comes_from what) (brings_a_grant what) v.
Proof.
  intros H. destruct what; cbn [step] in H;
    try (destruct (door_step _ _) as [d' o'] eqn:S; inversion H; subst; simpl in S;
      unfold change_keys, make_grant, change_workspaces, decided in S;
      repeat (match type of S with context [match ?x with _ => _ end] => destruct x end);
      inversion S; fail).
  - simpl in H. unfold decided in H. destruct (decide (the_door w) r) as [d' v'] eqn:D. inversion H; subst.
    apply decide_charges. exact D.
  - simpl in H. destruct (decide (the_door w) r) as [d' v'] eqn:D. unfold decided, renew in H.
    destruct v' as [| [said |] held joined | |]; try destruct (renewal _ _ _); inversion H; subst;
      apply decide_charges in D; exact D.
  - simpl in H. unfold decided in H. destruct (decide_hello (the_door w) h) as [d' v'] eqn:D. inversion H; subst.
    apply decide_hello_charges. exact D.
  - destruct (room_step _ _ _). inversion H.
Qed.

(* What can only be said once a grant was looked up, or once nothing was left. *)
Definition looked_up (v : verdict) : bool :=
  match v with
  | Redeemed _ _ _ _ _ _ _ _
  | Denied (GrantUnknown | GrantRevoked | GrantExpired | GrantSpent | GrantSessionGone | UnavailableFull
            | GuessesLimited _) => true
  | _ => false
  end.

Lemma redeem_at_charges_first d e at_ needed g n d' v :
  redeem_at d e at_ needed g n = (d', v) -> looked_up v = true ->
  counters d' = fst (charge (limit (set d)) (client e) (guess_of d g) (now d) (counters d)).
Proof.
  unfold redeem_at. destruct (negb _); [intros [= <- <-]; discriminate |].
  destruct (charge _ _ _ _ _) as [after limited] eqn:Charged. intros H _.
  destruct limited as [until |]; [inversion H; auto |].
  unfold consume, resume in H. simpl in H.
  repeat (match type of H with context [match ?x with _ => _ end] => destruct x end); inversion H; reflexivity.
Qed.

Ltac first_no H E :=
  match type of H with andThen ?a _ = No _ => destruct a eqn:E; cbn [andThen] in H;
    [| inversion H; subst; clear H] end.

Ltac of_check E := unfold check in E; match type of E with (if ?x then _ else _) = _ => destruct x end;
  inversion E; reflexivity.

Lemma examine_looks_nothing_up d r why : examine d r = No why -> looked_up (Denied why) = false.
Proof.
  unfold examine. intros H.
  first_no H E; [| unfold check_shape, check in E; destruct (shaped r), (upgrades r), (by_verb r); inversion E; reflexivity].
  first_no H E1; [| of_check E1]. first_no H E2; [| of_check E2].
  first_no H E3; [| unfold resolve in E3; destruct (to r), (by_verb r); try destruct (rule_of d path); inversion E3; reflexivity].
  first_no H E4; [| of_check E4].
  first_no H E5; [| unfold found, extract in E5; destruct value2, (presents r); inversion E5; reflexivity].
  first_no H E6; [| unfold check_origin, check, andThen in E6; destruct (from r);
    repeat (match type of E6 with context [if ?x then _ else _] => destruct x end); inversion E6; reflexivity].
  discriminate.
Qed.

Lemma examine_hello_looks_nothing_up d h why : examine_hello d h = No why -> looked_up (Denied why) = false.
Proof.
  unfold examine_hello. intros H.
  first_no H E; [| of_check E]. first_no H E1; [| of_check E1].
  destruct (hello_needs d h); [| inversion H; reflexivity].
  first_no H E2; [| unfold hello_access in E2; destruct (offers h); inversion E2; reflexivity].
  first_no H E3; [| of_check E3]. discriminate.
Qed.

Lemma judge_brought d e g p n : brought e = Some (g, p, n) -> exists needed, judge d e = redeem_at d e p needed g n.
Proof.
  unfold brought, judge. intros B. destruct (needs_access e) as [| at_ needed g0 n0 | | |]; inversion B; subst. eauto.
Qed.

Lemma charged_before_it_is_looked_up w what w' v g p n :
  brings what = Some (g, p, n) -> step w what = (w', Decided v) -> looked_up v = true ->
  let d := the_door w in
  counters (the_door w') = fst (charge (limit (set d)) (comes_from what) (guess_of d g) (now d) (counters d)).
Proof.
  intros B H L d. subst d.
  assert (Http : forall r d' v', brings (Requests r) = Some (g, p, n) -> decide (the_door w) r = (d', v') ->
    looked_up v' = true -> counters d'
      = fst (charge (limit (set (the_door w))) (peer r) (guess_of (the_door w) g) (now (the_door w)) (counters (the_door w)))).
  { clear. intros r d' v' B D L. unfold decide, judge_all in D. destruct (examine _ r) as [e | why] eqn:E.
    - pose proof (examine_brings _ _ _ E) as Same. apply examine_is in E. destruct E as (<- & _).
      rewrite B in Same. destruct (judge_brought (the_door w) e g p n ltac:(congruence)) as [needed J].
      rewrite J in D. eapply redeem_at_charges_first; eauto.
    - inversion D; subst. rewrite (examine_looks_nothing_up _ _ _ E) in L. discriminate. }
  destruct what; try discriminate B; simpl in H; unfold decided in H.
  - destruct (decide _ r) as [d' v'] eqn:D. inversion H; subst. eapply Http; eauto.
  - destruct (decide _ r) as [d' v'] eqn:D.
    destruct v' as [| [said |] ? ? | |]; try (unfold renew in H; destruct (renewal _ _ _); inversion H; fail);
      inversion H; subst; try discriminate L; eapply Http; eauto.
  - destruct (decide_hello _ _) as [d' v'] eqn:D. inversion H; subst. simpl.
    unfold decide_hello, judge_all in D. destruct (examine_hello _ _) as [e | why] eqn:E.
    + pose proof (examine_hello_brings _ _ _ E) as Same. apply examine_hello_is in E. destruct E as (<- & _).
      simpl in B, Same. rewrite B in Same. destruct (judge_brought (the_door w) e g p n ltac:(congruence)) as [needed J].
      rewrite J in D. eapply redeem_at_charges_first; eauto.
    + inversion D; subst. rewrite (examine_hello_looks_nothing_up _ _ _ E) in L. discriminate.
Qed.
