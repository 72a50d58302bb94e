(* What the model is proved to do, in every world that any operations lead to.

   [reached chosen w h]: the world [w] comes of a door with the settings [chosen] and an empty room by
   the operations in [h], which says what each came to, and when; the latest comes first. A theorem
   that speaks of a further [step] says what can, or can't, be done next, and so at any time.

   [good_token d t said] (Decides.v): the token [t] was issued, its key is live, it is in its times, and
   its claims stand as [said] on what is known freshly. [presentable], [checked], [admissible],
   [bought_well] (Checks.v): the checks that have passed, step by step. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room Door.
From Doorward Require Import Facts Decides Checks Answers Invariants Rooms Later.

(** * Grants *)

(** A grant buys no more sessions than it was made with uses, whatever is tried, and however often. *)
(*= req: GRANT-1, type=proof *)
Theorem grant_never_yields_more_sessions_than_uses chosen w h g at_ uses life given subject :
  reached chosen w h -> made g at_ uses life given subject h -> opened_count g h <= uses.
Proof. intros R Made. apply (uses_hold _ _ _ (reached_holds _ _ _ R) _ _ _ _ _ _ Made). Qed.

(** A grant is made with at least one capability, with none that its issuer lacks, and with uses and a life
    within their bounds. *)
(*= req: GRANT-8, GRANT-9, type=proof *)
Theorem a_grant_is_made_within_bounds w uses life given how subject issuer w' g :
  step w (MakeGrant uses life given how subject issuer) = (w', Made g) ->
  given <> 0 /\ within given issuer
  /\ 1 <= uses <= 1000
  /\ 0 < life <= match how with TypedCode => 10 * minute | Link | Desktop => 30 * day end.
Proof.
  simpl. unfold make_grant, issue_grant. intros H.
  destruct ((given =? 0) || negb (contains issuer given)) eqn:Carries; [inversion H |].
  destruct ((uses =? 0) || (max_uses <? uses)) eqn:Times; [inversion H |].
  destruct ((life =? 0) || (longest how <? life)) eqn:Lives; [inversion H |].
  apply orb_false_iff in Carries, Times, Lives.
  destruct Carries as [Some_ Has], Times as [Use Most], Lives as [Life Longest].
  apply N.eqb_neq in Some_, Use, Life. apply negb_false_iff in Has. apply N.ltb_ge in Most, Longest.
  unfold max_uses in Most. split; auto. split; auto. split; [lia |]. destruct how;
    cbv [longest max_code_life max_link_life day minute] in Longest; lia.
Qed.

(** Whoever comes again within a minute with the grant, the nonce and the endpoint of a redemption gets
    the session that it bought, or none: never another one, at another use. *)
(*= req: GRANT-4, type=proof *)
Theorem same_nonce_same_session chosen w h e g p n s what w' g' again s' t held until end_ joined :
  reached chosen w h -> In e h -> bought_by g p n s e ->
  brings what = Some (g, p, n) -> now (the_door w) < when e + repeat_window ->
  step w what = (w', Decided (Redeemed g' again s' t held until end_ joined)) ->
  again = true /\ s' = s.
Proof. exact (same_nonce chosen w h e g p n s what w' g' again s' t held until end_ joined). Qed.

(** A repetition repeats a redemption of the same grant with the same nonce at the same endpoint, less
    than a minute ago, and costs no use. *)
(*= req: GRANT-4, type=proof *)
Theorem a_repetition_repeats_a_redemption chosen w h what w' g s t held until end_ joined :
  reached chosen w h ->
  step w what = (w', Decided (Redeemed g true s t held until end_ joined)) ->
  grants (the_door w') = grants (the_door w)
  /\ exists e p n, In e h /\ bought_by g p n s e /\ brings what = Some (g, p, n)
    /\ now (the_door w) < when e + repeat_window.
Proof.
  intros R H. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
  pose proof (nonces_hold _ _ _ Holds) as [_ B _].
  inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; [destruct Silent |].
  inversion J as [| | | | | c g0 at0 n0 needed want one s0 row stood held0 joined0 Br Found Redeems Row Live Now Stands Held]; subst.
  pose proof (redeem_repeats _ _ _ _ _ _ Redeems) as (_ & use & Use & <-).
  apply find_some in Use. destruct Use as [In_ Which]. unfold repeats in Which. simpl in Which.
  apply andb_true_iff in Which. destruct Which as [Which Window]. apply andb_true_iff in Which.
  destruct Which as [Nonce Place]. apply N.eqb_eq in Nonce. apply same_place_eq in Place.
  destruct (B _ _ _ (get_in _ _ _ Found) In_) as (e & Is & When & By).
  split; [simpl; congruence |]. exists e, at0, n0. rewrite Nonce, Place in By. repeat split; auto; try apply By.
  unfold in_window in Window. apply N.ltb_lt in Window. lia.
Qed.

(** A grant buys no session once its life is over. *)
(*= req: GRANT-2, type=proof *)
Theorem no_redemption_after_expiry chosen w h g at_ uses life given subject what w' s t held until end_ joined :
  reached chosen w h -> made g at_ uses life given subject h ->
  step w what = (w', Decided (Redeemed g false s t held until end_ joined)) ->
  now (the_door w) < at_ + life.
Proof.
  intros R Made H. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
  destruct (uses_hold _ _ _ Holds _ _ _ _ _ _ Made) as [_ Each].
  inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; [destruct Silent |].
  inversion J as [| | | | c g0 at0 n0 needed want one after held0 joined0 B Fresh Found Redeems Held |]; subst.
  pose proof (redeem_opens _ _ _ _ _ _ Redeems) as (_ & _ & Soon & _).
  destruct (Each _ (get_in _ _ _ Found)) as (_ & _ & _ & <-). exact Soon.
Qed.

(** A grant that was revoked buys no session, and repeats none. *)
(*= req: GRANT-3, type=proof *)
Theorem no_redemption_after_revocation chosen w h e g what w' again s t held until end_ joined :
  reached chosen w h -> In e h -> op e = RevokeGrant g -> came e = Finished ->
  step w what <> (w', Decided (Redeemed g again s t held until end_ joined)).
Proof.
  intros R Is Op Came H. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
  destruct (ungranted_hold _ _ _ Holds _ _ Is Op Came) as [_ All].
  inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; [destruct Silent |].
  inversion J as [| | | | c g0 at0 n0 needed want one after held0 joined0 B Fresh Found Redeems Held
    | c g0 at0 n0 needed want one s0 row stood held0 joined0 B Found Redeems Row Live Now Stands Held]; subst;
    apply get_in, All in Found.
  - pose proof (redeem_opens _ _ _ _ _ _ Redeems) as (Not & _). congruence.
  - pose proof (redeem_repeats _ _ _ _ _ _ Redeems) as (Not & _). congruence.
Qed.

(** A session that a redemption opens is a new one: no redemption before has opened it. *)
(*= req: SESSION-1, type=proof *)
Theorem each_redemption_opens_a_new_session chosen w h e g g' what w' s t held until end_ joined :
  reached chosen w h -> In e h -> opened_by (came e) = Some (g', s) ->
  step w what <> (w', Decided (Redeemed g false s t held until end_ joined)).
Proof.
  intros R Is Opens H. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
  destruct (opened_below _ _ _ _ _ (numbers _ _ _ Holds) Is Opens) as [_ Below].
  inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; [destruct Silent |].
  inversion J; subst. lia.
Qed.

(** After a request or a hello was denied, all is as it was, but for the counters of guesses. *)
(*= req: GRANT-7, type=proof *)
Theorem denied_request_spends_nothing chosen w h what w' why :
  reached chosen w h -> step w what = (w', Decided (Denied why)) ->
  exists counters, w' = World (with_counters (the_door w) counters) (the_room w).
Proof. exact (denied_leaves_the_world chosen w h what w' why). Qed.

(** * Sessions *)

(** Nobody comes in as a session that no redemption opened, of a grant that was made. *)
Theorem nobody_comes_in_without_a_grant chosen w h what w' o s held :
  reached chosen w h -> step w what = (w', o) -> enters o = Some (s, held) ->
  was_bought s (Event (now (the_door w)) what o :: h).
Proof.
  intros R H In_. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (exceptions_below _ _ (numbers _ _ _ Holds)) as Known.
  pose proof (bought_hold _ _ _ Holds) as [Grants_ Rows_ Tokens_].
  pose proof (step_holds _ _ _ _ _ _ Holds H) as Next.
  destruct (step_enters _ _ _ _ _ _ Known H In_) as [(t & said & Good & <- & _) | (d' & v & -> & J & Rd & Is)].
  - apply good_token_is in Good. destruct Good as (one & Has & -> & _).
    eapply was_bought_later, Tokens_; eauto.
  - inversion J as [| | | | c g at0 n needed want one after held0 joined B Fresh Found Redeems Held
      | c g at0 n needed want one s0 row stood held0 joined B Found Redeems Row Live Now Stands Held];
      subst; try (simpl in Rd; tauto); simpl in Is; inversion Is; subst.
    + eexists. exists g. split; [left; reflexivity |]. split; [reflexivity |].
      eapply was_made_later, Grants_, get_in; eauto.
    + eapply was_bought_later, Rows_, get_in; eauto.
Qed.

(** Whoever is admitted as a session is the subject that the grant which bought it was made for. *)
Theorem a_session_is_of_its_grants_subject chosen w h e g s at_ uses life given who what w' said held joined :
  reached chosen w h -> In e h -> opened_by (came e) = Some (g, s) ->
  made g at_ uses life given who h ->
  step w what = (w', Decided (Admitted (Some said) held joined)) -> session said = s -> subject said = who.
Proof. exact (session_of_its_subject chosen w h e g s at_ uses life given who what w' said held joined). Qed.

(** Once a session was revoked, nothing that anybody does lets it in: no token of it is admitted or
    renewed, and no redemption of its grant repeated. *)
(*= req: GRANT-5, SESSION-6, SESSION-7, type=proof *)
Theorem no_admission_after_revocation chosen w h e sessions s what w' o held :
  reached chosen w h -> In e h -> came e = RevokedAll sessions -> In s sessions ->
  step w what = (w', o) -> enters o <> Some (s, held).
Proof.
  intros R Is Came In_ H Comes. pose proof (reached_holds _ _ _ R) as Holds.
  eapply over_stays_out.
  - eapply revoked_hold; eauto.
  - eapply step_enters; eauto. apply (numbers _ _ _ Holds).
Qed.

(** A revocation names every session that it picks and that has neither ended nor been revoked before: of
    these the theorems speak. *)
Theorem a_revocation_names_all_that_it_picks w which w' o s one :
  step w (Revoke which) = (w', o) ->
  In (s, one) (rows (the_door w)) -> picks which s one = true -> live_row (now (the_door w)) one = true ->
  exists sessions, o = RevokedAll sessions /\ In s sessions.
Proof.
  intros H Is Picked Live. inversion H; subst. eexists. split; [reflexivity |].
  unfold to_revoke. apply -> in_rev. apply in_map_iff. exists (s, one). split; auto.
  apply filter_In. simpl. rewrite Picked, Live. auto.
Qed.

(** Until its absolute end a revoked session stands among what is known of revocations, whatever is
    forgotten meanwhile. *)
(*= req: SESSION-7, type=proof *)
Theorem a_revocation_is_known_until_the_absolute_end chosen w h e sessions s e' g again t held until end_ joined :
  reached chosen w h -> In e h -> came e = RevokedAll sessions -> In s sessions ->
  In e' h -> came e' = Decided (Redeemed g again s t held until end_ joined) ->
  now (the_door w) < end_ ->
  exists u, get s (exceptions (known (the_door w))) = Some (Exception Revoked u).
Proof.
  intros R Is Came In_ Is' Came' Before. pose proof (reached_holds _ _ _ R) as Holds.
  destruct (revoked_hold _ _ _ Holds _ _ _ Is Came In_) as (_ & _ & [(how & u & Noted & ->) | Ended]); eauto.
  destruct (tokens_stay _ _ _ R _ _ _ _ _ _ _ _ _ Is' Came') as (one & Has & Mine).
  destruct (event_ends _ _ (ends_hold _ _ _ Holds) _ _ _ _ _ _ _ _ _ Is' Came') as [Tokens _].
  pose proof (Tokens _ _ Has Mine). destruct (Ended _ _ Has Mine) as [Past | []]. lia.
Qed.

(** No session comes in once its absolute end is there, however often it was renewed. *)
(*= req: TOKEN-7, type=proof *)
Theorem no_admission_after_expiry chosen w h e g again s t held until end_ joined what w' o held' :
  reached chosen w h -> In e h -> came e = Decided (Redeemed g again s t held until end_ joined) ->
  step w what = (w', o) -> enters o = Some (s, held') -> now (the_door w) < end_.
Proof. exact (out_after_expiry chosen w h e g again s t held until end_ joined what w' o held'). Qed.

(** Nor once its idle end is there, as the store has it: whoever comes in, but by the redemption that opens
    the session, is of a session that stands in the store, has not ended, and was not revoked. *)
(*= req: TOKEN-7, type=proof *)
Theorem whoever_comes_in_stands_in_the_store chosen w h what w' o s held :
  reached chosen w h -> step w what = (w', o) -> enters o = Some (s, held) -> opened_by o = None ->
  exists one, In (s, one) (rows (the_door w)) /\ live_row (now (the_door w)) one = true.
Proof. exact (comes_in_from_the_store chosen w h what w' o s held). Qed.

(** The settings have no lifetimes out of bounds, nor any of which the theorems would not speak. *)
(*= req: SESSION-3, type=proof *)
Theorem lifetimes_have_bounds in_idle in_all life_ :
  lifetimes_of in_idle in_all = Some life_ ->
  minute <= idle life_ /\ idle life_ <= absolute life_ /\ absolute life_ <= 90 * day.
Proof.
  unfold lifetimes_of. destruct (_ && _)%bool eqn:Within; [| discriminate]. intros [= <-].
  apply andb_true_iff in Within. destruct Within as [Within Most]. apply andb_true_iff in Within.
  destruct Within as [Least Order]. apply N.leb_le in Most, Least, Order.
  unfold minute, day. simpl. lia.
Qed.

(** The absolute end is [absolute] after the second in which the grant was redeemed, as the settings
    have it. *)
(*= req: SESSION-3, type=proof *)
Theorem the_absolute_end_comes_from_the_settings chosen w h what w' g s t held until end_ joined :
  reached chosen w h -> step w what = (w', Decided (Redeemed g false s t held until end_ joined)) ->
  end_ = floor_second (now (the_door w)) + absolute (life chosen)
  /\ until = floor_second (now (the_door w)) + idle (life chosen).
Proof.
  intros R H. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
  inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; [destruct Silent |].
  inversion J; subst. rewrite <- (as_chosen _ _ _ Holds). split; reflexivity.
Qed.

(** A renewed token ends no later than the absolute end that its session was opened with. *)
(*= req: SESSION-2, type=proof *)
Theorem renewal_never_passes_absolute_end chosen w h e g again s t held until end_ joined what w' who t' next :
  reached chosen w h -> In e h -> came e = Decided (Redeemed g again s t held until end_ joined) ->
  step w what = (w', Renewed who t' next) -> session next = s ->
  expires next <= end_ /\ absolute_end next = end_.
Proof.
  intros R Is Came H Mine. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
  pose proof (event_ends _ _ (ends_hold _ _ _ Holds) _ _ _ _ _ _ _ _ _ Is Came) as [Tokens _].
  inversion M as [? ? ? _ _ Silent | | | | | | | | what0 t0 said ahead next0 U Good Re]; subst; [destruct Silent |].
  apply renewal_is in Re. destruct Re as (Same & _ & End & Less & _).
  apply good_token_is in Good. destruct Good as (one & Has & Same' & _ & End' & _).
  pose proof (Tokens _ _ Has). rewrite Same' in Same. rewrite Same in *. rewrite End' in *.
  rewrite End. rewrite H0 in * by reflexivity. split; [lia | reflexivity].
Qed.

(** What is renewed is a token that is good at this moment, in the second half of its life on the clock of
    the machine that renews ([ahead] of the others' by so much), for a request that has passed every
    check. What comes of it is a token of the same session, with no more capabilities, that ends later,
    [idle] from that second on, or at the absolute end. *)
(*= req: SESSION-2, SESSION-3, type=proof *)
Theorem only_a_valid_token_is_renewed chosen w h what w' who t next :
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
Proof. exact (renewed_is chosen w h what w' who t next). Qed.

(** The end of a session moves by its renewal alone: never back, never past the absolute end, which stays,
    and neither once it has come nor once the session was revoked. *)
(*= req: SESSION-4, SESSION-5, type=proof *)
Theorem the_end_of_a_session_moves_by_renewal_alone chosen w h what w' o s before after :
  reached chosen w h -> step w what = (w', o) ->
  In (s, before) (rows (the_door w)) -> In (s, after) (rows (the_door w')) ->
  row_absolute after = row_absolute before
  /\ row_expires before <= row_expires after <= row_absolute after
  /\ (row_expires after <> row_expires before ->
        row_revoked before = false /\ now (the_door w) < row_expires before
        /\ exists who t next, o = Renewed who t next /\ session who = s).
Proof.
  intros R H Was Is. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (step_holds _ _ _ _ _ _ Holds H) as Next.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
  pose proof (row_ends _ _ (ends_hold _ _ _ Next) _ _ Is) as Ends.
  destruct (rows_after _ _ _ _ _ _ M Is) as [(old & Old & Same & Grows & _) | [-> _]].
  - rewrite (distinct_in _ _ _ _ (rows_once _ _ _ Holds) Old Was) in *. split; auto. split; [lia |].
    intros Moved. eapply end_moves; eauto using (numbers _ _ _ Holds), (rows_once _ _ _ Holds), (ends_hold _ _ _ Holds).
  - apply (rows_below _ _ (numbers _ _ _ Holds)) in Was. lia.
Qed.

(** * Capabilities *)

(** Whoever comes in may do no more than the grant that bought the session was made with. *)
Theorem capabilities_never_grow chosen w h e g s at_ uses life given subject what w' o held :
  reached chosen w h -> In e h -> opened_by (came e) = Some (g, s) ->
  made g at_ uses life given subject h ->
  step w what = (w', o) -> enters o = Some (s, held) -> within held given.
Proof.
  intros R Is Opens Made H In_. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (exceptions_below _ _ (numbers _ _ _ Holds)) as Known.
  destruct (caps_hold _ _ _ Holds _ _ _ _ _ _ _ _ Is Opens Made) as [Rows Tokens].
  destruct (step_enters _ _ _ _ _ _ Known H In_) as [(t' & said & Good & <- & Held) | (d' & v & -> & J & Rd & Is')].
  - apply good_token_is in Good. destruct Good as (one & Has & Same & _ & _ & Less & _).
    eapply within_trans; [exact Held |]. eapply within_trans; [exact Less |]. eapply Tokens; eauto.
  - destruct (opened_below _ _ _ _ _ (numbers _ _ _ Holds) Is Opens) as [_ Below].
    inversion J as [| | | | c g0 at0 n needed want one after held0 joined0 B Fresh Found Redeems Held
      | c g0 at0 n needed want one s0 row stood held0 joined0 B Found Redeems Row Live Now Stands Held];
      subst; try (simpl in Rd; tauto); simpl in Is'; inversion Is'; subst; [lia |].
    apply stand_same in Stands. destruct Stands as (_ & _ & _ & Less). simpl in Less.
    eapply within_trans; [exact Held |]. eapply within_trans; [exact Less |].
    apply get_in in Row. eapply Rows; eauto.
Qed.

(** The same on the day of the redemption: it opens a session with no more than the grant carries. *)
Theorem a_redemption_gives_no_more_than_the_grant chosen w h g at_ uses life given subject what w' s t held until end_ joined :
  reached chosen w h -> made g at_ uses life given subject h ->
  step w what = (w', Decided (Redeemed g false s t held until end_ joined)) -> within held given.
Proof.
  intros R Made H. pose proof (reached_holds _ _ _ R) as Holds.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H) as M.
  destruct (uses_hold _ _ _ Holds _ _ _ _ _ _ Made) as [_ Each].
  inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; [destruct Silent |].
  inversion J as [| | | | c g0 at0 n0 needed want one after held0 joined0 B Fresh Found Redeems Held |]; subst.
  destruct (Each _ (get_in _ _ _ Found)) as (_ & <- & _). exact Held.
Qed.

(** What a limit has taken away from a session doesn't come back. *)
(*= req: CAP-2, CAP-3, type=proof *)
Theorem what_a_limit_takes_away_stays_away chosen w h e which most sessions s what w' o held :
  reached chosen w h -> In e h -> op e = Limit which most -> came e = LimitedAll sessions -> In s sessions ->
  step w what = (w', o) -> enters o = Some (s, held) -> within held most.
Proof.
  intros R Is Op Came In_ H Comes. pose proof (reached_holds _ _ _ R) as Holds.
  eapply bounded_comes_so with (what := what) (o := o).
  - eapply limited_hold; eauto.
  - eapply step_enters; eauto. apply (numbers _ _ _ Holds).
Qed.

(** A limit names every session that it picks, that has neither ended nor been revoked, and that had more. *)
Theorem a_limit_names_all_that_it_picks w which most w' o s one :
  step w (Limit which most) = (w', o) ->
  In (s, one) (rows (the_door w)) -> picks which s one = true -> live_row (now (the_door w)) one = true ->
  within (row_caps one) most \/ exists sessions, o = LimitedAll sessions /\ In s sessions.
Proof.
  intros H Is Picked Live. inversion H; subst. unfold within.
  destruct (contains most (row_caps one)) eqn:Less; [auto | right]. eexists. split; [reflexivity |].
  unfold to_limit. apply -> in_rev. apply in_map_iff. exists (s, one). split; auto.
  apply filter_In. simpl. rewrite Picked, Live, Less. auto.
Qed.

(** * Keys *)

(** No key gets the id of another: that of a new one is above every id that was given before, that a key
    has, or that a token was signed under, and there is none after 255. *)
(*= req: KEY-1, type=proof *)
Theorem key_ids_are_given_once chosen w h what w' id :
  reached chosen w h -> step w what = (w', Key id) ->
  1 < id <= 255
  /\ (forall e before, In e h -> came e = Key before -> before < id)
  /\ (forall one, In one (masters (ring (the_door w))) -> id_of one < id)
  /\ (forall t one, In (t, one) (tokens (the_door w)) -> signed_by one < id).
Proof.
  intros R H. destruct (keys_hold _ _ _ (reached_holds _ _ _ R)) as [Ids Signed].
  destruct (ids_given _ _ _ R) as [First Given]. destruct (new_key _ _ _ _ H) as (-> & Room_ & _).
  repeat split; try lia.
  - intros e before Is Came. specialize (Given _ _ Is Came). lia.
  - intros one Is. apply Ids in Is. lia.
  - intros t one Is. apply Signed in Is. lia.
Qed.

(** A key in the place of all others signs at once, and is alone. *)
(*= req: KEY-5, type=proof *)
Theorem a_key_in_the_place_of_all_signs_at_once w w' id :
  step w Replace = (w', Key id) ->
  (forall at_, signing (ring (the_door w')) at_ = id) /\ forall other, is_live (ring (the_door w')) other = (other =? id).
Proof.
  simpl. unfold change_keys, replace. destruct (last_id (ring (the_door w)) <? 255); intros H; inversion H; subst.
  split.
  - intros at_. unfold signing. simpl. destruct (now (the_door w) <=? at_); reflexivity.
  - intros other. unfold is_live. simpl. apply orb_false_r.
Qed.

(** Once a key was put in the place of all others, no token from before proves anything again, whatever
    happens. *)
(*= req: KEY-5, type=proof *)
Theorem dropped_keys_prove_nothing_again chosen w h w1 o w2 t said :
  reached chosen w h -> step w Replace = (w1, o) -> o <> Exhausted -> leads w1 w2 ->
  t < next_token (the_door w) -> ~ good_token (the_door w2) t said.
Proof. exact (dropped_keys chosen w h w1 o w2 t said). Qed.

(** * Requests *)

(** Every HTTP request is denied but for one that is well-formed, upgrades to WebSocket by GET if to
    anything, is for a host of ours, brings nothing secret over a network in the clear, has a rule for its
    route, no two credentials where one is looked for, and comes from where it may: an [Origin] that is
    present is our own or listed; where there is a guard, a cookie without one only reads, and only for a
    page of ours or a person, and where there is none, whatever comes without one and tells for whom it
    is sent is for these only. *)
(*= req: CRED-2, HOST-1, ORIGIN-1, ORIGIN-2, ORIGIN-3, ORIGIN-6, ROUTE-1, type=proof *)
Theorem what_is_not_presentable_is_denied w r w' o what :
  (what = Requests r \/ exists ahead, what = Renews ahead r) -> step w what = (w', o) ->
  (exists why, o = Decided (Denied why)) \/ exists rule, presentable (the_door w) r rule.
Proof.
  intros Is H. destruct (decide (the_door w) r) as [d' v] eqn:D.
  destruct (decide_is _ _ _ _ D) as [[_ [why ->]] | (e & Examined & _)].
  - left. exists why. destruct Is as [-> | [ahead ->]]; simpl in H; rewrite D in H; inversion H; reflexivity.
  - right. apply examine_is in Examined. destruct Examined as (_ & _ & Well & _). eauto.
Qed.

(** A request is admitted as a session only if every check has passed: that it is presentable, exactly one
    credential, a token that was issued, under a live key, in its time, of a session that is not known to
    be revoked, on what is known of that no longer ago than the settings allow, the workspace, and every
    capability that the rule asks for. *)
(*= req: CAP-1, CRED-1, SESSION-8, TOKEN-7, TOKEN-8, WORK-1, type=proof *)
Theorem admission_implies_every_check w r w' said held joined :
  step w (Requests r) = (w', Decided (Admitted (Some said) held joined)) ->
  admissible (the_door w) r said held joined.
Proof. intros H. apply requests_decide in H. destruct H as [d' D]. eapply decide_admits; eauto. Qed.

(** The same of a request by which a token is renewed, or that keeps one that is not to be renewed now. *)
(*= req: SESSION-8, TOKEN-7, TOKEN-8, type=proof *)
Theorem renewal_implies_every_check w what w' o who :
  ((exists t next, o = Renewed who t next) \/ o = Kept (Some who)) -> step w what = (w', o) ->
  exists ahead r held joined, what = Renews ahead r /\ admissible (the_door w) r who held joined.
Proof.
  intros Is H. apply renewal_decides with (who := who) in H.
  - destruct H as (ahead & r & d' & held & joined & -> & D & _).
    exists ahead, r, held, joined. eauto using decide_admits.
  - destruct Is as [(t & next & ->) | ->]; reflexivity.
Qed.

(** The same of a hello: it is for a host of ours, of no browser, brings exactly one credential, and has
    every capability that it asks for, and every one that any rule asks for, unless it wants a token only. *)
(*= req: CAP-1, CAP-4, CRED-1, ROUTE-4, SESSION-8, TOKEN-7, TOKEN-8, WORK-1, type=proof *)
Theorem hello_admission_implies_every_check w h w' said held joined :
  step w (Greets h) = (w', Decided (Admitted (Some said) held joined)) ->
  let d := the_door w in
  exists needed t,
    presentable_hello d h needed
    /\ offers h = OffersToken t Genuine
    /\ good_token d t said
    /\ checked d said (asked_by_hello h) needed held joined.
Proof. exact (hello_admits w h w' said held joined). Qed.

(** A session is bought, or told of again, only if every check has passed: that what brings the grant is
    presentable, that guesses are left, a grant that was made and not revoked, and either a use that is
    left before its end and room for a session, or a use of this nonce at this endpoint within a minute,
    whose session is still there; that the session would be admitted, on what is known freshly, to the
    workspace, with every capability that is asked for. It has the subject, and no more than the
    capabilities, of the grant, or, where it is told of again, of the session in the store. *)
(*= req: CAP-4, GRANT-5, LIMIT-5, ROUTE-4, SESSION-8, WORK-1, type=proof *)
Theorem redemption_implies_every_check w what w' g again s t held until end_ joined :
  step w what = (w', Decided (Redeemed g again s t held until end_ joined)) ->
  let d := the_door w in
  (exists at_ n r, (what = Requests r \/ exists ahead, what = Renews ahead r)
    /\ presentable d r (Redeem at_ 0 g n)
    /\ bought_well d (peer r) at_ g n (asked_by r) 0 again s held joined)
  \/ (exists needed n h, what = Greets h
    /\ presentable_hello d h needed
    /\ offers h = OffersGrant g n
    /\ bought_well d (hello_peer h) AtHello g n (asked_by_hello h) needed again s held joined).
Proof. exact (step_redeems w what w' g again s t held until end_ joined). Qed.

(** There is no other way in: whoever comes in by whatever operation has a good token, of that session and
    with no fewer capabilities, or has just brought a grant. *)
(*= req: CRED-1, type=proof *)
Theorem whoever_comes_in_has_a_token_or_a_grant chosen w h what w' o s held :
  reached chosen w h -> step w what = (w', o) -> enters o = Some (s, held) ->
  (exists t said, good_token (the_door w) t said /\ session said = s /\ within held (allows said))
  \/ (exists g again t until end_ joined, o = Decided (Redeemed g again s t held until end_ joined)
      /\ exists at_ n, brings what = Some (g, at_, n)).
Proof.
  intros R H In_. pose proof (reached_holds _ _ _ R) as Holds.
  destruct (step_enters _ _ _ _ _ _ (exceptions_below _ _ (numbers _ _ _ Holds)) H In_)
    as [Token | (d' & v & -> & J & Rd & Is)]; [left; exact Token | right].
  inversion J; subst; try (simpl in Rd; tauto); simpl in Is; inversion Is; subst; eauto 12.
Qed.

(** Nobody in particular is admitted only where the operator asked for no guard by name: then too, a
    request has to be presentable, and it leads to no workspace once there are any. *)
(*= req: WORK-1, type=proof *)
Theorem only_an_unguarded_door_admits_nobody_in_particular w what w' held joined :
  step w what = (w', Decided (Admitted None held joined)) ->
  let d := the_door w in
  unguarded (set d) = true
  /\ (joined <> None -> is_off (workspaces d) = true)
  /\ ((exists r rule, what = Requests r /\ presentable d r rule)
      \/ (exists h needed, what = Greets h /\ presentable_hello d h needed)).
Proof. exact (step_admits_nobody w what w' held joined). Qed.

(** Default is denial, of a renewal too: a route that no rule names is reached by nobody, and one that a
    rule names by nobody without a token, unless the operator asked for no guard by name. *)
(*= req: CRED-1, ROUTE-1, type=proof *)
Theorem default_is_denial w what r w' o path :
  (what = Requests r \/ exists ahead, what = Renews ahead r) -> to r = Guarded path -> step w what = (w', o) ->
  (rule_of (the_door w) path = None
   \/ (unguarded (set (the_door w)) = false
       /\ forall t what, presents r <> Cookie t what /\ presents r <> Bearer t what)) ->
  exists why, o = Decided (Denied why).
Proof.
  intros [-> | [ahead ->]]; [apply route_is_closed | apply route_is_closed_to_renewals].
Qed.

(** The same of a hello: one to what is guarded reaches nobody where a path is left that no rule names, and
    one without a token or a grant reaches nobody at all, unless the operator asked for no guard by name. *)
(*= req: CRED-1, ROUTE-4, type=proof *)
Theorem default_is_denial_of_hellos w h w' o :
  step w (Greets h) = (w', o) ->
  ((for_token h = false /\ exists path, rule_of (the_door w) path = None)
   \/ (unguarded (set (the_door w)) = false
       /\ forall t what g n, offers h <> OffersToken t what /\ offers h <> OffersGrant g n)) ->
  exists why, o = Decided (Denied why).
Proof. exact (hello_is_closed w h w' o). Qed.

(** * Guesses *)

(** A decision charges one guess of whoever asked at most, and only where a grant is brought or the denial
    is of what is no credential of anybody's, for these six reasons; of the latter every one. *)
(*= req: LIMIT-4, type=proof *)
Theorem only_guesses_are_charged w what w' v :
  step w what = (w', Decided v) ->
  charged (the_door w) (the_door w') (comes_from what) (brings_a_grant what) v
  /\ forall why, is_guess why = true <-> In why
      [InvalidMalformed; InvalidUnknownKey; InvalidBadTag; InvalidNotYetValid; InvalidLocalMalformed; InvalidLocalUnknown].
Proof.
  intros H. split; [apply step_charges; exact H |].
  intros why. destruct why; simpl; intuition (discriminate || auto).
Qed.

(** A grant is charged before it is looked up: what is said only of one that was, or for which no guess was
    left ([looked_up]), has cost a guess, the right grant too. *)
(*= req: LIMIT-5, type=proof *)
Theorem a_grant_is_charged_before_it_is_looked_up w what w' v g p n :
  brings what = Some (g, p, n) -> step w what = (w', Decided v) -> looked_up v = true ->
  let d := the_door w in
  counters (the_door w') = fst (charge (limit (set d)) (comes_from what) (guess_of d g) (now d) (counters d)).
Proof. exact (charged_before_it_is_looked_up w what w' v g p n). Qed.

(** No counter goes before its minute is over, whatever comes: it starts when it started, and forgets no
    guess. *)
(*= req: LIMIT-3, type=proof *)
Theorem no_live_counter_is_dropped chosen w h what w' o key one :
  reached chosen w h -> step w what = (w', o) ->
  In (key, one) (counters (the_door w)) -> now (the_door w) < start one + window ->
  exists after, In (key, after) (counters (the_door w')) /\ counts_on one after.
Proof.
  intros R H Is Live. destruct (step_counts _ _ _ _ _ _ R H) as [-> | (who & how & ->)].
  - exists one. split; auto. unfold counts_on. repeat split; lia.
  - apply charge_keeps; auto.
Qed.

(** And a table that is full of them refuses no newcomer. *)
(*= req: LIMIT-3, type=proof *)
Theorem a_full_table_refuses_no_newcomer some peer_ how at_ all :
  get (limit_key peer_) (drop_ended at_ all) = None -> capacity some <= count (drop_ended at_ all) ->
  charge some peer_ how at_ all = (drop_ended at_ all, None).
Proof. intros New Full. unfold charge. rewrite New. apply N.leb_le in Full. rewrite Full. reflexivity. Qed.

(** Whoever is admitted would be admitted however often anybody had guessed, from the same address too. *)
(*= req: LIMIT-6, type=proof *)
Theorem no_guesses_keep_a_session_out w what w' who held joined counters :
  step w what = (w', Decided (Admitted who held joined)) ->
  exists w'', step (World (with_counters (the_door w) counters) (the_room w)) what
    = (w'', Decided (Admitted who held joined)).
Proof. apply step_admits_anyway. Qed.

(** * Rooms *)

(** Who writes is the session that was last told to own the lease, from a place that may operate. *)
(*= req: ROOM-1, type=proof *)
Theorem only_the_announced_owner_writes chosen w h p w' told_ :
  reached chosen w h -> step w (InRoom (Write p)) = (w', RoomSaid Done told_) ->
  exists one, In one (seats (the_room w)) /\ seat_place one = p /\ may_operate one = true
    /\ announced h = Some (sits one).
Proof.
  intros R H. cbn [step] in H. inversion H as [[Is Wrote Told]].
  destruct (who_writes _ _ Wrote) as (one & Has & Place_ & May & Owner).
  destruct (owner_is_announced _ _ _ R) as [_ Same]. exists one. rewrite <- Same. auto.
Qed.

(** One owner at a time: any two places that may write are of one session. *)
(*= req: ROOM-1, type=proof *)
Theorem one_owner_at_a_time chosen w h p q w1 w2 told1 told2 one other :
  reached chosen w h ->
  step w (InRoom (Write p)) = (w1, RoomSaid Done told1) -> step w (InRoom (Write q)) = (w2, RoomSaid Done told2) ->
  In one (seats (the_room w)) -> seat_place one = p -> In other (seats (the_room w)) -> seat_place other = q ->
  sits one = sits other.
Proof.
  intros R H1 H2 Is1 At1 Is2 At2. destruct (seats_hold _ _ _ R) as [_ Once].
  destruct (only_the_announced_owner_writes _ _ _ _ _ _ R H1) as (one' & Has1 & At1' & _ & Owner1).
  destruct (only_the_announced_owner_writes _ _ _ _ _ _ R H2) as (other' & Has2 & At2' & _ & Owner2).
  rewrite (Once one one'), (Once other other') by congruence. congruence.
Qed.

(** A place that wrote is refused while the session that was last told to own the lease is another, or
    none. *)
(*= req: ROOM-1, type=proof *)
Theorem the_owner_before_writes_no_more chosen w h p w1 told1 former w2 h2 w3 said told2 :
  reached chosen w h -> step w (InRoom (Write p)) = (w1, RoomSaid Done told1) -> announced h = Some former ->
  leads w1 w2 -> reached chosen w2 h2 -> announced h2 <> Some former ->
  step w2 (InRoom (Write p)) = (w3, RoomSaid said told2) -> said = NotOwner \/ said = NotAllowed.
Proof.
  intros R H1 Former L R2 Passed H2.
  destruct (only_the_announced_owner_writes _ _ _ _ _ _ R H1) as (one & Has & At & _ & Owner).
  assert (Same : seats (the_room w1) = seats (the_room w) /\ next_place (the_room w1) = next_place (the_room w)).
  { cbn [step] in H1. inversion H1. auto. }
  destruct Same as [Seats Next]. destruct (seats_hold _ _ _ R) as [Below Once].
  destruct (said_of_write _ _ _ _ _ H2) as [-> | Refused]; auto. exfalso.
  destruct (only_the_announced_owner_writes _ _ _ _ _ _ R2 H2) as (later & Has2 & At2 & _ & Owner2).
  destruct (places_stay _ _ L) as [_ From]. apply From in Has2. rewrite Seats, Next in Has2.
  pose proof (Below _ Has). destruct Has2 as [Has2 | New]; [| lia].
  rewrite (Once later one) in Owner2 by congruence. congruence.
Qed.
