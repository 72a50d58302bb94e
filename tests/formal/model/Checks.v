(* Every check that passes before a request or a hello comes to anything, step by step. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room Door.
From Doorward Require Import Facts Decides.

(* Steps 1 to 5, of an HTTP request. [rule] is what its route asks for. *)
Record presentable (d : door) (r : request) (rule : access) : Prop := {
  is_well_formed : shaped r = Fine;
  upgrades_as_it_may : upgrades r = NoUpgrade \/ (upgrades r = WebSocket /\ by_verb r = Get);
  is_for_us : answers_for d (host_of r) = true;
  is_not_in_the_clear : tls r = true \/ is_near (peer r) = true;
  has_a_rule : resolve d r = Yes rule;
  is_no_stray_worker : worker r = true -> service_workers (set d) = true;
  has_one_credential :
    match rule with
    | Open | Redeem _ _ _ _ => True
    | Anyone | Session _ | Process => presents r <> CookieAndBearer /\ presents r <> CookieTwice
    end;
  has_a_good_origin :
    ((from r = OwnOrigin \/ from r = ListedOrigin)
      /\ match rule with Redeem AtToken _ _ _ => False | _ => True end)
    \/ (from r = NoOrigin
      /\ (unguarded (set d) = false -> is_ambient rule r = true -> is_reading r = true /\ from_page r = true)
      /\ (unguarded (set d) = true -> fetched r <> NoFetch -> from_page r = true));
}.

(* Steps 1 to 5, of a hello, which needs [needed]: what it asks for itself, and what every rule asks for,
   unless all it wants is a token. *)
Record presentable_hello (d : door) (h : hello) (needed : caps) : Prop := {
  hello_is_well_formed : hello_malformed h = false;
  hello_is_for_us : forall seen, server_name h = Some seen -> answers_for d seen = true;
  hello_is_of_no_browser : our_protocol h = true;
  hello_has_one_credential : offers h <> OffersSeveral;
  needs_what_it_asks : within (asks h) needed;
  needs_what_rules_ask : for_token h = false ->
    forall path, exists some, rule_of d path = Some some /\ within some needed;
}.

Definition is_member (all : directory) (who workspace : N) (one : member) : Prop :=
  exists members, In (workspace, members) all /\ get who members = Some one.

(* What of steps 6 and 8 is the same for whoever comes in: the claims as they stand, on what is known
   freshly, the workspace, the capabilities. *)
Record checked (d : door) (said : claims) (want : asked) (needed held : caps) (joined : option N) : Prop := {
  is_known_freshly : is_fresh (freshness (set d)) (now d) (known d) = true;
  is_not_revoked : forall u, get (session said) (exceptions (known d)) <> Some (Exception Revoked u);
  has_entered : exists allowed,
    enter (workspaces d) want (Some (subject said)) = Yes (joined, allowed)
    /\ held = common (allows said) allowed;
  is_in_its_workspace : forall workspace, joined = Some workspace ->
    is_off (workspaces d) = true
    \/ exists one, is_member (workspaces d) (subject said) workspace one /\ within held (may one);
  has_what_it_takes : within needed held;
}.

(* Steps 7 to 9, of a redemption: what has passed before a use is gone, or a session told of again. *)
Record bought_well (d : door) (who : N) (at_ : place) (g n : N) (want : asked) (needed : caps)
    (again : bool) (s : N) (held : caps) (joined : option N) : Prop := {
  guesses_are_left : snd (charge (limit (set d)) who (guess_of d g) (now d) (counters d)) = None;
  has_a_good_grant : exists one,
    get g (grants d) = Some one
    /\ grant_revoked one = false
    /\ (exists joins allowed, enter (workspaces d) want (Some (label one)) = Yes (joins, allowed)
          /\ within needed (common (carries one) allowed))
    /\ if again
       then exists use row,
         In use (past one) /\ bought use = s /\ nonce use = n /\ at_place use = at_
         /\ now d < at_time use + repeat_window
         /\ get s (rows d) = Some row /\ row_revoked row = false /\ now d < row_expires row
       else now d < grant_expires one /\ uses_left one <> 0 /\ count (rows d) < most_sessions (set d)
         /\ s = next_session d;
  has_a_good_session : exists said,
    session said = s /\ checked d said want needed held joined
    /\ exists whose given,
      (if again then exists row, get s (rows d) = Some row /\ row_subject row = whose /\ row_caps row = given
       else exists one, get g (grants d) = Some one /\ label one = whose /\ carries one = given)
      /\ subject said = whose /\ within (allows said) given;
}.

(* All of it, for a request with a token that proves [said]. *)
Definition admissible (d : door) (r : request) (said : claims) (held : caps) (joined : option N) : Prop :=
  exists rule needed t,
    presentable d r rule
    /\ (rule = Session needed \/ (rule = Anyone /\ needed = 0))
    /\ (presents r = Cookie t Genuine \/ presents r = Bearer t Genuine)
    /\ good_token d t said
    /\ checked d said (asked_by r) needed held joined.

(* Workspaces. *)

Lemma seen_by_is_member all who workspace one :
  In (workspace, one) (seen_by all who) -> is_member all who workspace one.
Proof.
  unfold seen_by. intros Is. apply in_flat_map in Is. destruct Is as ([found members] & Has & Is).
  simpl in Is. destruct (get who members) as [may_ |] eqn:Found; [| destruct Is].
  destruct Is as [Is | []]. inversion Is; subst. exists members. auto.
Qed.

Lemma home_is_member all who workspace one :
  home_of all who = Some (workspace, one) -> is_member all who workspace one.
Proof.
  unfold home_of. intros Home. apply seen_by_is_member.
  destruct (find _ _) as [found_ |] eqn:Found.
  - apply find_some in Found. inversion Home; subst. tauto.
  - destruct (get 0 _) as [main |] eqn:Main.
    + inversion Home; subst. apply get_in. exact Main.
    + destruct (seen_by all who) as [| only [| ]]; inversion Home; subst. simpl. auto.
Qed.

Lemma join_is_member all want who workspace allowed :
  join all want (Some who) = Some (workspace, allowed) ->
  is_off all = true \/ exists one, is_member all who workspace one /\ allowed = may one.
Proof.
  unfold join. destruct (is_off all); auto. intros Joins. right. destruct want; [discriminate | |].
  - destruct (home_of all who) as [[ws one] |] eqn:Home; inversion Joins; subst.
    apply home_is_member in Home. eauto.
  - unfold membership in Joins. destruct (get workspace0 all) as [members |] eqn:Found; [| discriminate].
    destruct (get who members) as [one |] eqn:Member_; inversion Joins; subst.
    exists one. split; auto. exists members. split; auto. apply get_in. exact Found.
Qed.

Lemma nobody_joins all want workspace allowed :
  join all want None = Some (workspace, allowed) -> is_off all = true.
Proof. unfold join. destruct (is_off all); auto. destruct want; discriminate. Qed.

Lemma enter_is_join all want visitor workspace allowed :
  enter all want visitor = Yes (Some workspace, allowed) -> join all want visitor = Some (workspace, allowed).
Proof.
  unfold enter. destruct want; [discriminate | |];
    (destruct (join all _ visitor) as [[? ?] |]; intros Is; inversion Is; reflexivity).
Qed.

Lemma let_in_checked d said stood want needed held joined :
  stand (freshness (set d)) (now d) (known d) said = Yes stood ->
  let_in d (Some stood) want needed = Yes (held, joined) ->
  checked d stood want needed held joined.
Proof.
  intros Stands Admits. pose proof (admit_held _ _ _ _ _ _ Admits) as [_ Enough].
  unfold let_in in Admits. apply then_yes in Admits. destruct Admits as [[joins allowed] [Enters Admits]].
  apply then_yes in Admits. destruct Admits as [? [_ Admits]]. inversion Admits; subst. simpl in *.
  constructor; auto.
  - unfold stand in Stands. apply then_yes in Stands. destruct Stands as [? [Fresh _]].
    apply check_yes in Fresh. exact Fresh.
  - intros u Is. unfold stand in Stands. apply then_yes in Stands. destruct Stands as [? [_ Stands]].
    assert (Same : session stood = session said)
      by (destruct (get _ _) as [[[| most] u'] |] in Stands; inversion Stands; reflexivity).
    rewrite Same in Is. rewrite Is in Stands. discriminate.
  - eauto.
  - intros workspace ->. apply enter_is_join, join_is_member in Enters.
    destruct Enters as [Off | (one & Is & ->)]; auto. right. exists one. split; auto. apply common_right.
Qed.

(* Steps 1 to 5. *)

Lemma shape_is r value : check_shape r = Yes value ->
  shaped r = Fine /\ (upgrades r = NoUpgrade \/ (upgrades r = WebSocket /\ by_verb r = Get)).
Proof.
  unfold check_shape. destruct (shaped r); try discriminate;
    destruct (upgrades r), (by_verb r); try discriminate; auto.
Qed.

Lemma origin_is d rule r value : check_origin d rule r = Yes value ->
  ((from r = OwnOrigin \/ from r = ListedOrigin) /\ match rule with Redeem AtToken _ _ _ => False | _ => True end)
  \/ (from r = NoOrigin
      /\ (unguarded (set d) = false -> is_ambient rule r = true -> is_reading r = true /\ from_page r = true)
      /\ (unguarded (set d) = true -> fetched r <> NoFetch -> from_page r = true)).
Proof.
  unfold check_origin. intros Origin.
  destruct (from r) eqn:From;
    try (left; apply then_yes in Origin; destruct Origin as [? [For_ Origin]]; apply check_yes in For_;
      split; [tauto || discriminate | destruct rule as [| [] | | |]; auto; discriminate]; fail).
  right. split; auto. split.
  - intros Guards Ambient. rewrite Guards, Ambient in Origin. simpl in Origin.
    apply then_yes in Origin. destruct Origin as [? [Reading Page]].
    apply check_yes in Reading. apply check_yes in Page. auto.
  - intros Unguarded Tells. rewrite Unguarded in Origin.
    destruct (fetched r) eqn:F; try congruence; simpl in Origin; apply check_yes in Origin; exact Origin.
Qed.

Lemma examine_is d r e : examine d r = Yes e ->
  client e = peer r /\ wanted e = asked_by r /\ presentable d r (needs_access e)
  /\ found (needs_access e) r = Yes (was_presented e).
Proof.
  unfold examine. intros Examined.
  apply then_yes in Examined; destruct Examined as [? [Shape Examined]]. apply shape_is in Shape.
  apply then_yes in Examined; destruct Examined as [? [Host Examined]]. apply check_yes in Host.
  apply then_yes in Examined; destruct Examined as [? [Near Examined]]. apply check_yes in Near.
  apply then_yes in Examined; destruct Examined as [rule [Rule Examined]].
  apply then_yes in Examined; destruct Examined as [? [Worker Examined]]. apply check_yes in Worker.
  apply then_yes in Examined; destruct Examined as [brings_ [Found Examined]].
  apply then_yes in Examined; destruct Examined as [? [Origin Examined]]. apply origin_is in Origin.
  inversion Examined; subst e. simpl. repeat split; auto; try tauto.
  - apply orb_true_iff. exact Near.
  - intros Is. rewrite Is in Worker. exact Worker.
  - unfold found, extract in Found. destruct rule; auto; destruct (presents r); try discriminate; split; discriminate.
Qed.

Lemma both_left one other : within one (both one other).
Proof. apply within_bits. intros i Is. unfold both. rewrite N.lor_spec, Is. reflexivity. Qed.

Lemma both_right one other : within other (both one other).
Proof. apply within_bits. intros i Is. unfold both. rewrite N.lor_spec, Is. apply orb_true_r. Qed.

Lemma whole_is_all d all : whole d = Some all ->
  forall path, exists some, rule_of d path = Some some /\ within some all.
Proof.
  unfold whole. destruct (rule_all (set d)) as [root |] eqn:Root; [| discriminate]. intros [= <-] path.
  pose proof (both_left root) as All.
  unfold rule_of, or_all. destruct path; [eauto | | |].
  - destruct (rule_a (set d)); rewrite ?Root; eauto using both_left, both_right, within_trans.
  - destruct (rule_b (set d)); rewrite ?Root; eauto 6 using both_left, both_right, within_trans.
  - destruct (rule_c (set d)); rewrite ?Root; eauto 6 using both_left, both_right, within_trans.
Qed.

Lemma examine_hello_is d h e : examine_hello d h = Yes e ->
  client e = hello_peer h /\ wanted e = asked_by_hello h
  /\ exists needed, presentable_hello d h needed /\ hello_access h needed = Yes (needs_access e, was_presented e).
Proof.
  unfold examine_hello. intros Examined.
  apply then_yes in Examined; destruct Examined as [? [Well Examined]]. apply check_yes, negb_true_iff in Well.
  apply then_yes in Examined; destruct Examined as [? [Host Examined]]. apply check_yes in Host.
  destruct (hello_needs d h) as [needed |] eqn:Needs; [| discriminate].
  apply then_yes in Examined; destruct Examined as [how [How Examined]].
  apply then_yes in Examined; destruct Examined as [? [Ours Examined]]. apply check_yes in Ours.
  inversion Examined; subst e. simpl. repeat split; auto. exists needed. destruct how. split; auto.
  unfold hello_needs in Needs. constructor; auto.
  - intros seen Is. rewrite Is in Host. exact Host.
  - intros Several. unfold hello_access in How. rewrite Several in How. discriminate.
  - destruct (for_token h); [inversion Needs; subst; apply within_refl |].
    destruct (whole d) as [all |]; inversion Needs; subst. apply both_right.
  - intros For_ path. rewrite For_ in Needs. destruct (whole d) as [all |] eqn:Whole; inversion Needs; subst.
    destruct (whole_is_all _ _ Whole path) as (some & Rule & Less). exists some. split; auto.
    eapply within_trans; [exact Less | apply both_left].
Qed.

(* Steps 6 to 9. *)

Lemma judge_admits_nobody d e d' held joined :
  judge d e = (d', Admitted None held joined) ->
  unguarded (set d) = true
  /\ exists needed, (needs_access e = Session needed \/ (needs_access e = Anyone /\ needed = 0))
    /\ let_in d None (wanted e) needed = Yes (held, joined).
Proof.
  assert (Verify : forall needed, verify d e needed = (d', Admitted None held joined) ->
    unguarded (set d) = true /\ let_in d None (wanted e) needed = Yes (held, joined)).
  { unfold verify, conclude. intros needed H. destruct (unguarded (set d)).
    - destruct (let_in _ _ _ _) as [[? ?] |]; inversion H; subst. auto.
    - destruct (was_presented e); [inversion H | | exfalso; eapply refusing_admits_nobody; eauto].
      destruct (verify_token d t what); [| exfalso; eapply refusing_admits_nobody; eauto].
      destruct (let_in _ _ _ _) as [[? ?] |]; inversion H. }
  unfold judge. intros H. destruct (needs_access e) as [| at_ needed g n | | needed |].
  - inversion H.
  - exfalso. eapply redeeming_admits_nobody; eauto.
  - destruct (was_presented e); [inversion H | |]; apply Verify in H; destruct H; eauto 6.
  - apply Verify in H. destruct H. eauto 6.
  - destruct (was_presented e); try (inversion H; fail). exfalso. eapply refusing_admits_nobody; eauto.
Qed.

Lemma refusing_redeems_nothing d who why d' g again s t held until end_ joined :
  refuse d who why <> (d', Redeemed g again s t held until end_ joined).
Proof. unfold refuse. destruct (is_guess why); [destruct (charge _ _ _ _ _) |]; discriminate. Qed.

Lemma verifying_redeems_nothing d e needed d' g again s t held until end_ joined :
  verify d e needed <> (d', Redeemed g again s t held until end_ joined).
Proof.
  unfold verify, conclude. destruct (unguarded (set d)).
  - destruct (let_in _ _ _ _) as [[? ?] |]; discriminate.
  - destruct (was_presented e); [discriminate | | apply refusing_redeems_nothing].
    destruct (verify_token _ _ _); [destruct (let_in _ _ _ _) as [[? ?] |]; discriminate |].
    apply refusing_redeems_nothing.
Qed.

Lemma judge_redeems d e d' g again s t held until end_ joined :
  judge d e = (d', Redeemed g again s t held until end_ joined) ->
  exists at_ needed n, needs_access e = Redeem at_ needed g n
    /\ redeem_at d e at_ needed g n = (d', Redeemed g again s t held until end_ joined).
Proof.
  unfold judge. intros H. destruct (needs_access e) as [| at_ needed g0 n | | needed |].
  - inversion H.
  - assert (Same : g0 = g); [| subst; eauto].
    unfold redeem_at in H. destruct (negb _); [discriminate |].
    destruct (charge _ _ _ _ _) as [after [until_ |]]; [discriminate |].
    unfold consume in H. destruct (get g0 _); [| discriminate].
    destruct (redeem _ _ _ _ _) as [[? | ?] |]; [| | discriminate].
    + destruct (_ <=? _); [discriminate |]. unfold resume in H. destruct (get _ (rows _)); [| discriminate].
      destruct (andThen _ _) as [[? ?] |]; inversion H; auto.
    + destruct (repeat_of _ _); [| discriminate]. unfold resume in H. destruct (get _ (rows _)); [| discriminate].
      destruct (andThen _ _) as [[? ?] |]; inversion H; auto.
  - destruct (was_presented e); [inversion H | |]; exfalso; eapply verifying_redeems_nothing; eauto.
  - exfalso. eapply verifying_redeems_nothing; eauto.
  - destruct (was_presented e); try (inversion H; fail). exfalso. eapply refusing_redeems_nothing; eauto.
Qed.

Lemma sufficient_is all one try value : sufficient all one try = Yes value ->
  exists joins allowed, enter all (wants try) (Some (label one)) = Yes (joins, allowed)
    /\ within (needs try) (common (carries one) allowed).
Proof.
  unfold sufficient. intros H. apply then_yes in H. destruct H as [[joins allowed] [Enters H]].
  apply check_yes in H. exists joins, allowed. auto.
Qed.

(* The session that is told of is one that would be admitted. *)
Lemma resume_is d e needed g s again d' g' again' s' t held until end_ joined :
  resume d e needed g s again = (d', Redeemed g' again' s' t held until end_ joined) ->
  again' = again /\ s' = s
  /\ exists one said, get s (rows d) = Some one /\ session said = s
    /\ subject said = row_subject one /\ within (allows said) (row_caps one)
    /\ checked d said (wanted e) needed held joined.
Proof.
  unfold resume. destruct (get s (rows d)) as [one |] eqn:Row; [| discriminate].
  destruct (andThen _ _) as [[held0 joined0] |] eqn:Stands; [| discriminate].
  intros H. inversion H; subst. split; auto. split; auto.
  apply then_yes in Stands. destruct Stands as [said [Stands Admits]].
  assert (Same : session said = session (claims_of s' one) /\ subject said = row_subject one
    /\ within (allows said) (row_caps one)).
  { unfold stand in Stands. apply then_yes in Stands. destruct Stands as [? [_ Stands]].
    destruct (get _ _) as [[[| most] u] |] in Stands; inversion Stands; subst; simpl;
      auto using within_refl, common_left. }
  destruct Same as (Same & Whose & Less). exists one, said. split; auto. split; auto. split; auto. split; auto. eapply let_in_checked; eauto.
Qed.

Lemma redeem_at_is d e at_ needed g n d' g' again s t held until end_ joined :
  redeem_at d e at_ needed g n = (d', Redeemed g' again s t held until end_ joined) ->
  bought_well d (client e) at_ g n (wanted e) needed again s held joined.
Proof.
  unfold redeem_at. destruct (negb _); [discriminate |].
  destruct (charge _ _ _ _ _) as [after [until_ |]] eqn:Charged; [discriminate |].
  unfold consume. simpl. destruct (get g (grants d)) as [one |] eqn:Found; [| discriminate].
  destruct (redeem _ _ _ _ _) as [[spent | before] |] eqn:Redeems; [| | discriminate].
  - destruct (most_sessions (set d) <=? count (rows d)) eqn:Full; [discriminate |]. apply N.leb_gt in Full.
    intros H. apply resume_is in H. destruct H as (-> & -> & row & said & Row & Same & Whose & Less & Checked).
    simpl in Row. rewrite N.eqb_refl in Row. inversion Row; subst row. clear Row.
    apply redeem_opens in Redeems. destruct Redeems as (Stands & _ & Soon & Left & Enough & _).
    apply sufficient_is in Enough.
    constructor; [rewrite Charged; reflexivity | exists one; repeat split; auto |].
    exists said. split; auto. split; [destruct Checked; constructor; auto |].
    exists (label one), (carries one). split; [eauto |]. auto.
  - destruct (repeat_of _ _) eqn:Repeated; [| discriminate].
    intros H. apply resume_is in H. destruct H as (-> & -> & row & said & Row & Same & Whose & Less & Checked).
    simpl in Row. unfold repeat_of in Repeated. simpl in Repeated. rewrite Row in Repeated.
    apply then_yes in Repeated. destruct Repeated as [? [Stands Repeated]].
    apply check_yes, negb_true_iff in Stands. apply check_yes, N.ltb_lt in Repeated.
    unfold redeem in Redeems. destruct (grant_revoked one) eqn:Revoked; [discriminate |].
    destruct (find _ _) as [use |] eqn:Use.
    + apply then_yes in Redeems. destruct Redeems as [? [Enough Redeems]]. inversion Redeems; subst.
      apply sufficient_is in Enough. apply find_some in Use. destruct Use as [In_ Which].
      unfold repeats, in_window in Which. simpl in Which.
      apply andb_true_iff in Which. destruct Which as [Which Window]. apply andb_true_iff in Which.
      destruct Which as [Nonce Place]. apply N.eqb_eq in Nonce. apply N.ltb_lt in Window.
      constructor; [rewrite Charged; reflexivity | exists one; repeat split; auto |].
      * exists use, row. repeat split; auto; [| congruence].
        destruct (at_place use), at_; simpl in Place; congruence.
      * exists said. split; auto. split; [destruct Checked; constructor; auto |].
        exists (row_subject row), (row_caps row). split; [exists row; repeat split; congruence | split; [congruence | exact Less]].
    + destruct (grant_expires one <=? now d); [discriminate |].
      destruct (uses_left one =? 0); [discriminate |].
      apply then_yes in Redeems. destruct Redeems as [? [? Redeems]]. discriminate.
Qed.
