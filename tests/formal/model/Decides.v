(* What a decision may do to the door: every way in which it can end, with what must have held. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room Door Facts.

(* The grant that an operation brings, where to, and with which nonce. *)
Definition brings (what : operation) : option (N * place * N) :=
  match what with
  | Requests r | Renews _ r =>
      match to r with
      | Bootstrap => Some (body_grant r, AtBootstrap, body_nonce r)
      | ForToken => Some (body_grant r, AtToken, body_nonce r)
      | _ => None
      end
  | Greets h =>
      match offers h with
      | OffersGrant g n => Some (g, AtHello, n)
      | _ => None
      end
  | _ => None
  end.

(* A token that is good at this moment, and what it allows at this moment. *)
Definition good_token (d : door) (t : N) (said : claims) : Prop :=
  exists one,
    get t (tokens d) = Some one
    /\ is_live (ring d) (signed_by one) = true
    /\ issued (says one) <= now d + clock_skew
    /\ now d < expires (says one)
    /\ now d < absolute_end (says one)
    /\ stand (freshness (set d)) (now d) (known d) (says one) = Yes said.

Inductive judged (d : door) (b : option (N * place * N)) : door -> verdict -> Prop :=
| ends_open c : judged d b (with_counters d c) Opened
| ends_denied c why : judged d b (with_counters d c) (Denied why)
| admits_nobody held at_ :
    unguarded (set d) = true -> judged d b d (Admitted None held at_)
| admits_holder t said held at_ :
    unguarded (set d) = false ->
    good_token d t said ->
    within held (allows said) ->
    judged d b d (Admitted (Some said) held at_)
| opens c g at_ n needed want one after held joined :
    b = Some (g, at_, n) ->
    is_fresh (freshness (set d)) (now d) (known d) = true ->
    get g (grants d) = Some one ->
    redeem (workspaces d) one (Attempt n at_ needed want) (next_session d) (now d) = Yes (Opens after) ->
    within held (carries one) ->
    let fresh := open_row (label one) (carries one) (life (set d)) (now d) in
    judged d b
      (sign (with_new_row (set_grant (with_counters d c) g after) fresh)
        (claims_of (next_session d) fresh) (now d))
      (Redeemed g false (next_session d) (next_token d) held (row_expires fresh) (row_absolute fresh) joined)
| repeats_it c g at_ n needed want one s row stood held joined :
    b = Some (g, at_, n) ->
    get g (grants d) = Some one ->
    redeem (workspaces d) one (Attempt n at_ needed want) (next_session d) (now d) = Yes (Repeats s) ->
    get s (rows d) = Some row ->
    row_revoked row = false ->
    now d < row_expires row ->
    stand (freshness (set d)) (now d) (known d) (claims_of s row) = Yes stood ->
    within held (allows stood) ->
    judged d b
      (sign (with_counters d c) (claims_of s row) (now d))
      (Redeemed g true s (next_token d) held (row_expires row) (row_absolute row) joined).

Lemma admit_held d who want needed held joined :
  let_in d who want needed = Yes (held, joined) ->
  within held (allowed_to who) /\ within needed held.
Proof.
  unfold let_in. intros H. apply then_yes in H. destruct H as [entered [Enters H]].
  apply then_yes in H. destruct H as [? [Enough H]]. apply check_yes in Enough.
  inversion H; subst. split; [apply common_left | exact Enough].
Qed.

Lemma with_same_counters d : with_counters d (counters d) = d.
Proof. destruct d; reflexivity. Qed.

Lemma denies d b why : judged d b d (Denied why).
Proof. rewrite <- (with_same_counters d) at 2. constructor. Qed.

Lemma refuse_judged d b who why d' v : refuse d who why = (d', v) -> judged d b d' v.
Proof.
  unfold refuse. destruct (is_guess why).
  - destruct (charge _ _ _ _ _). intros H; inversion H. constructor.
  - intros H; inversion H. apply denies.
Qed.

Lemma verify_token_good d t what said : verify_token d t what = Yes said -> good_token d t said.
Proof.
  unfold verify_token, read_token. intros H. apply then_yes in H. destruct H as [read [Reads Stands]].
  destruct (get t (tokens d)) as [one |] eqn:Found; [| discriminate].
  destruct what; try discriminate; apply then_yes in Reads; destruct Reads as [? [Live Reads]];
    apply then_yes in Reads; destruct Reads as [? [Tag Reads]]; apply check_yes in Tag; try discriminate.
  apply check_yes in Live. apply then_yes in Reads. destruct Reads as [? [Times Reads]].
  inversion Reads; subst.
  unfold check_times in Times. apply then_yes in Times. destruct Times as [? [Early Late]].
  apply check_yes in Early. apply check_yes in Late. apply andb_true_iff in Late.
  destruct Late as [Late End]. apply N.leb_le in Early. apply N.ltb_lt in Late. apply N.ltb_lt in End.
  exists one. auto 10.
Qed.

Lemma conclude_judged d b who e needed d' v :
  match who with
  | None => unguarded (set d) = true
  | Some said => unguarded (set d) = false /\ exists t, good_token d t said
  end ->
  conclude d who e needed = (d', v) -> judged d b d' v.
Proof.
  unfold conclude. intros Known H. destruct (let_in d who (wanted e) needed) as [[held joined] |] eqn:Admits.
  - inversion H; subst. apply admit_held in Admits. destruct Admits as [Held _].
    destruct who as [said |].
    + destruct Known as [Guards [t Good]]. eapply admits_holder; eauto.
    + apply admits_nobody; auto.
  - inversion H. apply denies.
Qed.

Lemma verify_judged d b e needed d' v : verify d e needed = (d', v) -> judged d b d' v.
Proof.
  unfold verify. intros H. destruct (unguarded (set d)) eqn:Guards.
  - eapply conclude_judged; [| exact H]. exact Guards.
  - destruct (was_presented e).
    + inversion H. apply denies.
    + destruct (verify_token d t what) eqn:Verified.
      * eapply conclude_judged; [| exact H]. split; auto. exists t. eapply verify_token_good; eauto.
      * eapply refuse_judged; eauto.
    + eapply refuse_judged; eauto.
Qed.

(* No exception names a session that was not opened yet: it would deny what was just paid for. *)
Definition exceptions_known (d : door) : Prop :=
  forall s one, In (s, one) (exceptions (known d)) -> s < next_session d.

Lemma redeem_opens all one try s at_ after :
  redeem all one try s at_ = Yes (Opens after) ->
  grant_revoked one = false /\ find (repeats at_ try) (past one) = None
  /\ at_ < grant_expires one /\ uses_left one <> 0 /\ sufficient all one try = Yes tt
  /\ after = Grant (label one) (carries one) (by_method one) (grant_expires one) (uses_left one - 1)
       false (filter (in_window at_) (past one) ++ [Consumed (with_nonce try) (where_ try) s at_]).
Proof.
  unfold redeem. destruct (grant_revoked one); [discriminate |].
  destruct (find _ _); [intros H; apply then_yes in H; destruct H as [? [? H]]; discriminate |].
  destruct (N.leb_spec (grant_expires one) at_); [discriminate |].
  destruct (N.eqb_spec (uses_left one) 0); [discriminate |].
  intros H'. apply then_yes in H'. destruct H' as [[] [Enough H']]. inversion H'. auto 10.
Qed.

Lemma redeem_repeats all one try s at_ before :
  redeem all one try s at_ = Yes (Repeats before) ->
  grant_revoked one = false
  /\ exists use, find (repeats at_ try) (past one) = Some use /\ bought use = before.
Proof.
  unfold redeem. destruct (grant_revoked one); [discriminate |].
  destruct (find _ _) as [use |].
  - intros H. apply then_yes in H. destruct H as [? [? H]]. inversion H. eauto.
  - destruct (grant_expires one <=? at_); [discriminate |].
    destruct (uses_left one =? 0); [discriminate |].
    intros H. apply then_yes in H. destruct H as [? [? H]]. discriminate.
Qed.

Lemma sufficient_admits d one try said :
  sufficient (workspaces d) one try = Yes tt -> subject said = label one -> allows said = carries one ->
  exists held joined, let_in d (Some said) (wants try) (needs try) = Yes (held, joined)
    /\ within held (carries one).
Proof.
  unfold sufficient, let_in. intros H Same Allowed. apply then_yes in H. destruct H as [entered [Enters H]].
  simpl. rewrite Same, Enters. simpl. unfold check in *.
  rewrite Allowed. destruct (without _ _ =? 0); [| discriminate]. simpl.
  eexists _, _. split; eauto. apply common_left.
Qed.

Lemma consume_judged d c e at_ needed g n d' v :
  exceptions_known d ->
  is_fresh (freshness (set d)) (now d) (known d) = true ->
  consume (with_counters d c) e (Attempt n at_ needed (wanted e)) g = (d', v) ->
  judged d (Some (g, at_, n)) d' v.
Proof.
  intros Known Fresh. unfold consume. simpl.
  destruct (get g (grants d)) as [one |] eqn:Found; [| intros H; inversion H; constructor].
  destruct (redeem _ _ _ _ _) as [[after | s] | why] eqn:Redeems; [| | intros H; inversion H; constructor].
  - destruct (most_sessions (set d) <=? count (rows d)); [intros H; inversion H; constructor |].
    unfold resume. simpl. rewrite N.eqb_refl.
    pose proof (redeem_opens _ _ _ _ _ _ Redeems) as (_ & _ & _ & _ & Enough & _).
    unfold stand. rewrite Fresh. simpl.
    rewrite (get_none (next_session d) (exceptions (known d))).
    2: { intros one' Is. apply Known in Is. lia. }
    simpl.
    destruct (sufficient_admits
      (with_new_row (set_grant (with_counters d c) g after)
        (open_row (label one) (carries one) (life (set d)) (now d)))
      one (Attempt n at_ needed (wanted e))
      (claims_of (next_session d) (open_row (label one) (carries one) (life (set d)) (now d)))
      Enough eq_refl eq_refl) as (held & joined & Admits & Held).
    simpl in Admits. rewrite Admits. intros H; inversion H.
    eapply (opens d _ c g at_ n needed (wanted e) one after held joined); eauto.
  - unfold repeat_of. simpl. destruct (get s (rows d)) as [row |] eqn:Bought; [| intros H; inversion H; constructor].
    unfold check. destruct (row_revoked row) eqn:Revoked; simpl; [intros H; inversion H; constructor |].
    destruct (N.ltb_spec (now d) (row_expires row)); simpl; [| intros H'; inversion H'; constructor].
    unfold resume. simpl. rewrite Bought.
    destruct (stand _ _ _ _) as [stood |] eqn:Stands; simpl; [| intros H'; inversion H'; constructor].
    destruct (let_in _ _ _ _) as [[held joined] |] eqn:Admits; [| intros H'; inversion H'; constructor].
    intros H'; inversion H'. apply admit_held in Admits. destruct Admits as [Held _].
    eapply (repeats_it d _ c g at_ n needed (wanted e) one s row stood held joined); eauto.
Qed.

Lemma redeem_at_judged d e at_ needed g n d' v :
  exceptions_known d ->
  redeem_at d e at_ needed g n = (d', v) -> judged d (Some (g, at_, n)) d' v.
Proof.
  intros Known. unfold redeem_at.
  destruct (is_fresh _ _ _) eqn:Fresh; simpl; [| intros H; inversion H; apply denies].
  destruct (charge _ _ _ _ _) as [after [until |]]; intros H; [inversion H; constructor |].
  eapply consume_judged; eauto.
Qed.

Definition brought (e : examined) : option (N * place * N) :=
  match needs_access e with Redeem at_ _ g n => Some (g, at_, n) | _ => None end.

Lemma opens_it d b : judged d b d Opened.
Proof. rewrite <- (with_same_counters d) at 2. constructor. Qed.

Lemma judge_judged d e d' v : exceptions_known d -> judge d e = (d', v) -> judged d (brought e) d' v.
Proof.
  intros Known. unfold judge, brought.
  destruct (needs_access e), (was_presented e); intros H;
    solve [ inversion H; subst; apply opens_it
          | inversion H; subst; apply denies
          | eapply redeem_at_judged; eassumption
          | eapply verify_judged; eassumption
          | eapply refuse_judged; eassumption ].
Qed.

Lemma examine_brings d r e : examine d r = Yes e -> brought e = brings (Requests r).
Proof.
  unfold examine. intros H.
  repeat (apply then_yes in H; destruct H as [? [? H]]). inversion H; subst.
  unfold brought. simpl. unfold resolve in *.
  destruct (to r); try (destruct (by_verb r); try discriminate);
    try destruct (rule_of d path);
    repeat match goal with Is : Yes _ = Yes _ |- _ => inversion Is; subst; clear Is end; try discriminate; auto.
Qed.

Lemma decide_judged d r d' v : exceptions_known d -> decide d r = (d', v) -> judged d (brings (Requests r)) d' v.
Proof.
  unfold decide, judge_all. intros Known H. destruct (examine d r) as [e |] eqn:Examined.
  - rewrite <- (examine_brings _ _ _ Examined). apply judge_judged; auto.
  - inversion H. apply denies.
Qed.

Lemma examine_hello_brings d h e : examine_hello d h = Yes e -> brought e = brings (Greets h).
Proof.
  unfold examine_hello. intros H.
  repeat (apply then_yes in H; destruct H as [? [? H]]).
  destruct (hello_needs d h); [| discriminate].
  repeat (apply then_yes in H; destruct H as [? [? H]]). inversion H; subst.
  unfold brought, hello_access in *. simpl in *.
  destruct (offers h); repeat match goal with Is : Yes _ = Yes _ |- _ => inversion Is; subst; clear Is end;
    try discriminate; auto.
Qed.

Lemma decide_hello_judged d h d' v :
  exceptions_known d -> decide_hello d h = (d', v) -> judged d (brings (Greets h)) d' v.
Proof.
  unfold decide_hello, judge_all. intros Known H. destruct (examine_hello d h) as [e |] eqn:Examined.
  - rewrite <- (examine_hello_brings _ _ _ Examined). apply judge_judged; auto.
  - inversion H. apply denies.
Qed.

(* The other way round: what an admission tells of the request. *)

Lemma redeeming_admits_nobody d e at_ needed g n d' who held joined :
  redeem_at d e at_ needed g n <> (d', Admitted who held joined).
Proof.
  unfold redeem_at. destruct (negb _); [discriminate |]. destruct (charge _ _ _ _ _) as [after [until |]]; [discriminate |].
  unfold consume. destruct (get g _); [| discriminate].
  destruct (redeem _ _ _ _ _) as [[? | ?] |]; [| | discriminate].
  - destruct (_ <=? _); [discriminate |]. unfold resume. destruct (get _ _); [| discriminate].
    destruct (andThen _ _) as [[? ?] |]; discriminate.
  - destruct (repeat_of _ _); [| discriminate]. unfold resume. destruct (get _ _); [| discriminate].
    destruct (andThen _ _) as [[? ?] |]; discriminate.
Qed.

Lemma refusing_admits_nobody d who why d' someone held joined : refuse d who why <> (d', Admitted someone held joined).
Proof. unfold refuse. destruct (is_guess why); [destruct (charge _ _ _ _ _) |]; discriminate. Qed.

Lemma verify_admits d e needed d' said held joined :
  verify d e needed = (d', Admitted (Some said) held joined) ->
  unguarded (set d) = false /\ exists t what, was_presented e = TokenOf t what /\ verify_token d t what = Yes said
    /\ let_in d (Some said) (wanted e) needed = Yes (held, joined).
Proof.
  unfold verify, conclude. intros H. destruct (unguarded (set d)); [| split; auto].
  - destruct (let_in _ _ _ _) as [[? ?] |]; inversion H.
  - destruct (was_presented e); [inversion H | | exfalso; eapply refusing_admits_nobody; eauto].
    destruct (verify_token d t what) as [who |] eqn:Verified;
      [| exfalso; eapply refusing_admits_nobody; eauto].
    destruct (let_in _ _ _ _) as [[? ?] |] eqn:Admits; inversion H; subst. eauto.
Qed.

Lemma judge_admits d e d' said held joined :
  judge d e = (d', Admitted (Some said) held joined) ->
  unguarded (set d) = false
  /\ exists needed t what,
    (needs_access e = Session needed \/ (needs_access e = Anyone /\ needed = 0))
    /\ was_presented e = TokenOf t what /\ verify_token d t what = Yes said
    /\ let_in d (Some said) (wanted e) needed = Yes (held, joined).
Proof.
  unfold judge. intros H. destruct (needs_access e) as [| at_ needed g n | | needed |].
  - inversion H.
  - exfalso. eapply redeeming_admits_nobody; eauto.
  - destruct (was_presented e) eqn:Presented; [inversion H | |];
      apply verify_admits in H; destruct H as (Guards & t' & what' & Is & Verified & Admits);
      split; auto; exists 0, t', what'; rewrite Presented in Is; auto.
  - apply verify_admits in H. destruct H as (Guards & t' & what' & Is & Verified & Admits).
    split; auto. exists needed, t', what'. auto.
  - destruct (was_presented e); try (inversion H; fail). exfalso. eapply refusing_admits_nobody; eauto.
Qed.

Lemma only_genuine_verifies d t what said : verify_token d t what = Yes said -> what = Genuine.
Proof.
  unfold verify_token, read_token. intros H. apply then_yes in H. destruct H as [? [Reads _]].
  destruct (get t (tokens d)); [| discriminate]. destruct what; auto; try discriminate.
  apply then_yes in Reads. destruct Reads as [? [_ Reads]]. apply then_yes in Reads.
  destruct Reads as [? [Tag _]]. discriminate.
Qed.
