(* What holds in every world that is reached: the theorems follow from it. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room Door.
From Doorward Require Import Facts Decides.

(* First, what a step may do to what was handed out, in ten ways. *)

Definition same_core (d d' : door) : Prop :=
  grants d' = grants d /\ next_grant d' = next_grant d /\ rows d' = rows d
  /\ next_session d' = next_session d /\ tokens d' = tokens d /\ next_token d' = next_token d
  /\ exceptions (known d') = exceptions (known d).

Definition silent (what : operation) (o : outcome) : Prop :=
  match o with
  | Made _ | RevokedAll _ | LimitedAll _ | Renewed _ _ _ | Decided (Redeemed _ _ _ _ _ _ _ _) => False
  | Finished => match what with RevokeGrant _ => False | _ => True end
  | _ => True
  end.

Definition redeems (v : verdict) : Prop :=
  match v with Redeemed _ _ _ _ _ _ _ _ => True | _ => False end.

Inductive moved (d : door) : operation -> door -> outcome -> Prop :=
| m_quiet what d' o : same_core d d' -> now d <= now d' -> silent what o -> moved d what d' o
| m_swept : moved d Sweep (sweep d) Finished
| m_pruned : moved d Prune (with_known d (prune (now d) (known d))) Finished
| m_made uses life given how subject issuer one :
    issue_grant uses life given how subject issuer (now d) = inl one ->
    moved d (MakeGrant uses life given how subject issuer) (with_new_grant d one) (Made (next_grant d))
| m_ungranted g one :
    get g (grants d) = Some one ->
    moved d (RevokeGrant g) (with_grants d (update g revoke_grant (grants d))) Finished
| m_revoked which : moved d (Revoke which) (fst (revoke_sessions d which)) (snd (revoke_sessions d which))
| m_limited which most :
    moved d (Limit which most) (fst (limit_sessions d which most)) (snd (limit_sessions d which most))
| m_redeemed what d' v : judged d (brings what) d' v -> redeems v -> moved d what d' (Decided v)
| m_renewed what t said ahead next :
    unguarded (set d) = false -> good_token d t said ->
    renewal said (life (set d)) (now d + ahead) = Some next ->
    moved d what
      (with_rows (sign d next (now d + ahead)) (update (session said) (extend (expires next)) (rows d)))
      (Renewed said (next_token d) next).

Lemma same_core_refl d : same_core d d.
Proof. unfold same_core. auto 10. Qed.

Lemma judged_moves d what d' v : judged d (brings what) d' v -> moved d what d' (Decided v).
Proof.
  intros J. inversion J; subst;
    try (apply m_quiet; [unfold same_core; simpl; auto 10 | simpl; lia | exact I]);
    apply m_redeemed; simpl; auto.
Qed.

Lemma door_step_moves d what d' o :
  exceptions_known d -> door_step d what = (d', o) -> moved d what d' o.
Proof.
  intros Known H.
  assert (Quiet : forall d'' o'', same_core d d'' -> now d <= now d'' -> silent what o'' ->
    (d'', o'') = (d', o) -> moved d what d' o).
  { intros d'' o'' Same Later Silent Is. inversion Is; subst. apply m_quiet; auto. }
  assert (Still : forall o'', silent what o'' -> (d, o'') = (d', o) -> moved d what d' o).
  { intros o'' Silent. apply Quiet; auto using same_core_refl. lia. }
  destruct what; simpl in H;
    try (inversion H; subst; constructor; fail);
    try (eapply Quiet; [| | | exact H]; [unfold same_core; simpl; auto 10 | simpl; lia | exact I]).
  - unfold change_keys in H. destruct (rotate _ _);
      (eapply Quiet; [| | | exact H]; [unfold same_core; simpl; auto 10 | simpl; lia | exact I]).
  - unfold change_keys in H. destruct (replace _ _);
      (eapply Quiet; [| | | exact H]; [unfold same_core; simpl; auto 10 | simpl; lia | exact I]).
  - unfold make_grant in H. destruct (issue_grant _ _ _ _ _ _ _) eqn:Issued.
    + destruct (_ <=? _).
      * eapply Still; [| exact H]; exact I.
      * inversion H; subst. eapply m_made; eauto.
    + eapply Still; [| exact H]; exact I.
  - destruct (get g (grants d)) eqn:Found.
    + inversion H; subst. eapply m_ungranted; eauto.
    + eapply Still; [| exact H]; exact I.
  - unfold change_workspaces in H. destruct (create _ _);
      (eapply Quiet; [| | | exact H]; [unfold same_core; simpl; auto 10 | simpl; lia | exact I]).
  - unfold change_workspaces in H. destruct (place_anew _ _);
      (eapply Quiet; [| | | exact H]; [unfold same_core; simpl; auto 10 | simpl; lia | exact I]).
  - unfold change_workspaces in H. destruct (delete _ _);
      (eapply Quiet; [| | | exact H]; [unfold same_core; simpl; auto 10 | simpl; lia | exact I]).
  - unfold change_workspaces in H. destruct (admit_member _ _ _ _);
      (eapply Quiet; [| | | exact H]; [unfold same_core; simpl; auto 10 | simpl; lia | exact I]).
  - unfold change_workspaces in H. destruct (expel _ _ _);
      (eapply Quiet; [| | | exact H]; [unfold same_core; simpl; auto 10 | simpl; lia | exact I]).
  - unfold decided in H. destruct (decide d r) as [d'' v] eqn:D. inversion H; subst. simpl.
    apply judged_moves. eapply decide_judged; eauto.
  - destruct (decide d r) as [d'' v] eqn:D.
    assert (J : judged d (brings (Renews ahead r)) d'' v) by (eapply decide_judged; eauto).
    destruct v; try (unfold decided in H; inversion H; subst; apply judged_moves; exact J).
    destruct who as [said |].
    + inversion J; subst. unfold renew in H.
      destruct (renewal _ _ _) as [next |] eqn:Renews.
      * inversion H; subst. eapply m_renewed; eauto.
      * eapply Still; [| exact H]; exact I.
    + inversion J; subst. eapply Still; [| exact H]; exact I.
  - unfold decided in H. destruct (decide_hello d h) as [d'' v] eqn:D. inversion H; subst. simpl.
    apply judged_moves. eapply decide_hello_judged; eauto.
Qed.

Lemma step_moves w what w' o :
  exceptions_known (the_door w) -> step w what = (w', o) -> moved (the_door w) what (the_door w') o.
Proof.
  intros Known H. destruct what; cbn [step] in H;
    try (match type of H with context [door_step ?d ?what] =>
      destruct (door_step d what) as [d' o'] eqn:S end;
      inversion H; subst; eapply door_step_moves in S; [exact S | exact Known]).
  destruct (room_step _ _ _) as [r said]. inversion H; subst. simpl.
  apply m_quiet; [apply same_core_refl | lia | exact I].
Qed.

(* Who is noted as what. *)
Definition noting (all : table row) (how : row -> standing) (k : standings) (s : N) : standings :=
  match get s all with
  | Some one => note s (how one) (row_absolute one) k
  | None => k
  end.

Lemma note_all_is d sessions how :
  note_all d sessions how = with_known d (fold_left (noting (rows d) how) sessions (known d)).
Proof. reflexivity. Qed.

Lemma get_note s how until k s' :
  get s' (exceptions (note s how until k)) = get s' (exceptions k)
  \/ (s' = s /\ get s' (exceptions (note s how until k)) = Some (Exception how until)
      /\ forall u, get s (exceptions k) <> Some (Exception Revoked u)).
Proof.
  unfold note. destruct (get s (exceptions k)) as [[[| most] u] |] eqn:Was; auto; simpl.
  - destruct (N.eqb_spec s' s); [right | left; apply get_remove_other; auto].
    split; auto. split; auto. intros; congruence.
  - destruct (N.eqb_spec s' s); [right | left; apply get_remove_other; auto].
    split; auto. split; auto. intros; congruence.
Qed.

Lemma in_note s how until k s' one :
  In (s', one) (exceptions (note s how until k)) ->
  In (s', one) (exceptions k) \/ (s' = s /\ one = Exception how until).
Proof.
  unfold note. destruct (get s (exceptions k)) as [[[| most] u] |]; auto; simpl;
    intros [Is | Is]; (inversion Is; auto; fail) || (left; apply in_remove in Is; tauto).
Qed.

Lemma in_noted all how sessions : forall k s one,
  In (s, one) (exceptions (fold_left (noting all how) sessions k)) ->
  In (s, one) (exceptions k)
  \/ (In s sessions /\ exists row, get s all = Some row /\ one = Exception (how row) (row_absolute row)).
Proof.
  induction sessions as [| first more IH]; simpl; auto. intros k s one H. apply IH in H.
  destruct H as [H | [? ?]]; [| auto]. unfold noting in H. destruct (get first all) eqn:Found; auto.
  apply in_note in H. destruct H as [| [-> ->]]; auto. right. split; eauto.
Qed.

Lemma stays_revoked all how sessions : forall k s u,
  get s (exceptions k) = Some (Exception Revoked u) ->
  get s (exceptions (fold_left (noting all how) sessions k)) = Some (Exception Revoked u).
Proof.
  induction sessions as [| first more IH]; simpl; auto. intros k s u H. apply IH.
  unfold noting. destruct (get first all); auto.
  destruct (get_note first (how r) (row_absolute r) k s) as [-> | [-> [_ Not]]]; auto.
  exfalso. eapply Not; eauto.
Qed.

Lemma stays_noted all how sessions : forall k s row,
  get s all = Some row -> get s (exceptions k) = Some (Exception (how row) (row_absolute row)) ->
  get s (exceptions (fold_left (noting all how) sessions k)) = Some (Exception (how row) (row_absolute row)).
Proof.
  induction sessions as [| first more IH]; simpl; auto. intros k s row Is H. apply IH; auto.
  unfold noting. destruct (get first all) eqn:Found; auto.
  destruct (get_note first (how r) (row_absolute r) k s) as [-> | [-> [-> _]]]; auto. congruence.
Qed.

Lemma get_noted all how sessions : forall k s row,
  In s sessions -> get s all = Some row ->
  exists one, get s (exceptions (fold_left (noting all how) sessions k)) = Some one
    /\ ((exists u, one = Exception Revoked u /\ get s (exceptions k) = Some one)
        \/ one = Exception (how row) (row_absolute row)).
Proof.
  induction sessions as [| first more IH]; simpl; [tauto |]. intros k s row Within Is.
  destruct (N.eq_dec s first) as [-> | Other].
  - clear Within.
    assert (First : noting all how k first = note first (how row) (row_absolute row) k)
      by (unfold noting; rewrite Is; reflexivity).
    rewrite First.
    destruct (get first (exceptions k)) as [[[| most] u] |] eqn:Was.
    + exists (Exception Revoked u). split; [| left; eauto]. apply stays_revoked.
      unfold note. rewrite Was. auto.
    + eexists. split; [| right; reflexivity]. apply stays_noted; auto.
      unfold note. rewrite Was. simpl. rewrite N.eqb_refl. auto.
    + eexists. split; [| right; reflexivity]. apply stays_noted; auto.
      unfold note. rewrite Was. simpl. rewrite N.eqb_refl. auto.
  - destruct Within as [-> |]; [congruence |].
    destruct (IH (noting all how k first) s row) as [one [Found How]]; auto.
    exists one. split; auto. destruct How as [[u [-> Was]] | ->]; auto. left. exists u. split; auto.
    unfold noting in Was. destruct (get first all); auto.
    destruct (get_note first (how r) (row_absolute r) k s) as [<- | [-> _]]; auto. congruence.
Qed.

Lemma get_noted_other all how sessions : forall k s,
  ~ In s sessions ->
  get s (exceptions (fold_left (noting all how) sessions k)) = get s (exceptions k).
Proof.
  induction sessions as [| first more IH]; simpl; auto. intros k s Not. rewrite IH; [| tauto].
  unfold noting. destruct (get first all); auto.
  destruct (get_note first (how r) (row_absolute r) k s) as [-> | [-> _]]; auto. tauto.
Qed.

Lemma revoke_row_twice one : revoke_row (revoke_row one) = revoke_row one.
Proof. reflexivity. Qed.

Lemma limit_row_twice most one : limit_row most (limit_row most one) = limit_row most one.
Proof.
  unfold limit_row, common. simpl. rewrite <- N.land_assoc, N.land_diag. reflexivity.
Qed.

Lemma picked_is_row which wanted at_ all s :
  In s (rev (map fst (filter (fun entry => picks which (fst entry) (snd entry) && live_row at_ (snd entry)
    && wanted (snd entry)) all))) -> exists one : row, In (s, one) all.
Proof.
  intros H. apply in_rev, in_map_iff in H. destruct H as [[k one] [Same Is]]. simpl in Same. subst.
  apply filter_In in Is. destruct Is. eauto.
Qed.

Lemma to_revoke_is_row which at_ all s : In s (to_revoke which at_ all) -> exists one, In (s, one) all.
Proof.
  unfold to_revoke. intros H. apply in_rev, in_map_iff in H. destruct H as [[k one] [Same Is]].
  simpl in Same. subst. apply filter_In in Is. destruct Is. eauto.
Qed.

Lemma to_limit_is_row which most at_ all s : In s (to_limit which most at_ all) -> exists one, In (s, one) all.
Proof.
  unfold to_limit. intros H. apply in_rev, in_map_iff in H. destruct H as [[k one] [Same Is]].
  simpl in Same. subst. apply filter_In in Is. destruct Is. eauto.
Qed.

(* Numbers are given out once. *)
Definition numbers_below (d : door) (o : outcome) : Prop :=
  match o with
  | Made g => g < next_grant d
  | Decided (Redeemed g _ s t _ _ _ _) => g < next_grant d /\ s < next_session d /\ t < next_token d
  | Renewed _ t _ => t < next_token d
  | RevokedAll sessions | LimitedAll sessions => forall s, In s sessions -> s < next_session d
  | _ => True
  end.

Record numbered (d : door) (h : history) : Prop := {
  grants_below : forall g one, In (g, one) (grants d) -> g < next_grant d;
  rows_below : forall s one, In (s, one) (rows d) -> s < next_session d;
  tokens_below : forall t one, In (t, one) (tokens d) ->
    t < next_token d /\ session (says one) < next_session d;
  exceptions_below : exceptions_known d;
  events_below : forall e, In e h -> when e <= now d /\ numbers_below d (came e);
}.

Lemma numbers_grow d d' o :
  next_grant d <= next_grant d' -> next_session d <= next_session d' -> next_token d <= next_token d' ->
  numbers_below d o -> numbers_below d' o.
Proof.
  intros G S T. unfold numbers_below. destruct o; auto; try lia.
  - intros Below s Is. apply Below in Is. lia.
  - intros Below s Is. apply Below in Is. lia.
  - destruct what; auto. lia.
Qed.

Lemma moved_grows d what d' o : moved d what d' o ->
  next_grant d <= next_grant d' /\ next_session d <= next_session d' /\ next_token d <= next_token d'
  /\ now d <= now d'.
Proof.
  intros M. destruct M as [what d' o Same | | | | | | | what d' v J R |]; simpl; try (repeat split; lia).
  - destruct Same as (? & -> & ? & -> & ? & -> & ?). repeat split; lia.
  - inversion J; subst; simpl; repeat split; lia.
Qed.

Ltac in_head :=
  simpl in *;
  match goal with
  | Is : (_, _) = (_, _) \/ _ |- _ => destruct Is as [Is | Is]; [inversion Is; subst; clear Is; simpl in * |]
  end.

Lemma numbered_step d h what d' o :
  numbered d h -> moved d what d' o -> numbered d' (Event (now d) what o :: h).
Proof.
  intros [G R T X E] M.
  destruct (moved_grows _ _ _ _ M) as (Gs & Ss & Ts & Ns).
  assert (Events : numbers_below d' o -> forall e, In e (Event (now d) what o :: h) ->
    when e <= now d' /\ numbers_below d' (came e)).
  { intros Now e [Is | Is]; [subst; simpl; auto |]. destruct (E e Is) as [When Below].
    split; [lia |]. eapply numbers_grow; eauto. }
  destruct M as [what d' o Same Later Silent | | |
      | g one Found | which | which most | what d' v J Rd | what t said ahead next U Good Re].
  - destruct Same as (Gd & Gn & Rd & Rn & Td & Tn & Xd).
    constructor; unfold exceptions_known; rewrite ?Gd, ?Gn, ?Rd, ?Rn, ?Td, ?Tn, ?Xd; auto.
    apply Events. unfold numbers_below. destruct o; simpl in Silent; tauto || auto.
    destruct what0; auto. tauto.
  - constructor; simpl; auto.
    + intros g one Is. apply in_keep in Is. destruct Is. eauto.
    + intros g one Is. apply in_keep in Is. destruct Is. eauto.
    + apply Events. exact I.
  - constructor; simpl; auto.
    + intros s one Is. apply in_keep in Is. destruct Is. eauto.
    + apply Events. exact I.
  - constructor; simpl; auto.
    + intros g' one' Is. in_head; [lia |]. apply G in Is. lia.
    + apply Events. simpl. lia.
  - constructor; simpl; auto.
    + intros g' one' Is. apply in_update in Is. destruct Is as [old [Is _]]. eauto.
    + apply Events. exact I.
  - assert (Picked : forall s, In s (to_revoke which (now d) (rows d)) -> s < next_session d).
    { intros s Is. apply to_revoke_is_row in Is. destruct Is. eauto. }
    simpl in *. constructor; simpl; auto.
    + intros s one Is. apply in_update_all in Is; [| apply revoke_row_twice]. destruct Is as [old [Is _]]. eauto.
    + intros s one Is. simpl in Is. apply in_noted in Is. destruct Is as [Is | [Is _]]; eauto.
  - assert (Picked : forall s, In s (to_limit which most (now d) (rows d)) -> s < next_session d).
    { intros s Is. apply to_limit_is_row in Is. destruct Is. eauto. }
    simpl in *. constructor; simpl; auto.
    + intros s one Is. apply in_update_all in Is; [| apply limit_row_twice]. destruct Is as [old [Is _]]. eauto.
    + intros s one Is. simpl in Is. apply in_noted in Is. destruct Is as [Is | [Is _]]; eauto.
  - inversion J; subst; try (simpl in Rd; tauto); simpl in *.
    + assert (g < next_grant d) by (eapply G, get_in; eauto).
      constructor; simpl; auto.
      * intros g' one' Is. apply in_update in Is. destruct Is as [old [Is _]]. eauto.
      * intros s' one' Is. in_head; [lia |]. apply R in Is. lia.
      * intros t' one' Is. in_head; [simpl; lia |]. apply T in Is. lia.
      * intros s' one' Is. simpl in *. apply X in Is. lia.
      * apply Events. simpl. lia.
    + assert (g < next_grant d) by (eapply G, get_in; eauto).
      assert (s < next_session d) by (eapply R, get_in; eauto).
      constructor; simpl; auto.
      * intros t' one' Is. in_head; [simpl; lia |]. apply T in Is. lia.
      * apply Events. simpl. lia.
  - constructor; simpl; auto.
    + intros s' one' Is. apply in_update in Is. destruct Is as [old [Is _]]. eauto.
    + intros t' one' Is. in_head; [simpl | apply T in Is; lia].
      destruct Good as (one & Found & _ & _ & _ & _ & Stands). apply get_in, T in Found.
      unfold renewal in Re. destruct (_ && _ && _)%bool in Re; [| discriminate]. inversion Re; subst. simpl.
      unfold stand in Stands. apply then_yes in Stands. destruct Stands as [? [_ Stands]].
      destruct (get _ _) as [[[| most] u] |] in Stands; inversion Stands; subst; simpl; lia.
    + apply Events. simpl. lia.
Qed.

(* Grants: what each has bought and what it has left are never more than it was made with. *)
Definition opened_by (o : outcome) : option (N * N) :=
  match o with
  | Decided (Redeemed g false s _ _ _ _ _) => Some (g, s)
  | _ => None
  end.

Definition opens_for (g : N) (e : event) : bool :=
  match opened_by (came e) with Some (by_, _) => by_ =? g | None => false end.

Definition opened_count (g : N) (h : history) : N := count (filter (opens_for g) h).

Definition made (g : N) (at_ : time) (uses : N) (life : time) (given : caps) (subject : N) (h : history) : Prop :=
  exists how issuer, In (Event at_ (MakeGrant uses life given how subject issuer) (Made g)) h.

Definition grants_kept (d : door) (h : history) : Prop :=
  forall g at_ uses life given subject, made g at_ uses life given subject h ->
    opened_count g h <= uses
    /\ forall one, In (g, one) (grants d) ->
         opened_count g h + uses_left one <= uses /\ carries one = given /\ label one = subject
         /\ grant_expires one = at_ + life.

Lemma count_next g e h :
  opened_count g (e :: h) = (if opens_for g e then 1 else 0) + opened_count g h.
Proof. unfold opened_count. simpl. destruct (opens_for g e); unfold count; simpl length; lia. Qed.

Lemma count_other g e h : opened_by (came e) = None -> opened_count g (e :: h) = opened_count g h.
Proof. intros None. rewrite count_next. unfold opens_for. rewrite None. lia. Qed.

Lemma count_one g g' s e h : opened_by (came e) = Some (g', s) ->
  opened_count g (e :: h) = (if g' =? g then 1 else 0) + opened_count g h.
Proof. intros Opens. rewrite count_next. unfold opens_for. rewrite Opens. lia. Qed.

Lemma made_earlier g at_ uses life given subject e h :
  made g at_ uses life given subject (e :: h) -> came e <> Made g -> made g at_ uses life given subject h.
Proof. intros (how & issuer & [Is | Is]) Not; [subst; simpl in Not; congruence | exists how, issuer; auto]. Qed.

Lemma none_opened d h g : numbered d h -> next_grant d <= g -> opened_count g h = 0.
Proof.
  intros [_ _ _ _ E] Above. unfold opened_count.
  assert (Nil : filter (opens_for g) h = []); [| rewrite Nil; reflexivity].
  clear - E Above. induction h as [| e h IH]; auto. simpl.
  destruct (opens_for g e) eqn:Opens; [| apply IH; intros; apply E; simpl; auto].
  exfalso. unfold opens_for, opened_by in Opens.
  destruct (E e (or_introl eq_refl)) as [_ Below]. unfold numbers_below in Below.
  destruct (came e); try discriminate. destruct what; try discriminate. destruct again; try discriminate.
  apply N.eqb_eq in Opens. lia.
Qed.

Lemma grants_kept_step d h what d' o :
  numbered d h -> grants_kept d h -> moved d what d' o -> grants_kept d' (Event (now d) what o :: h).
Proof.
  intros Num Kept M. pose proof (numbered_step _ _ _ _ _ Num M) as Num'.
  assert (Same : (forall g one, In (g, one) (grants d') -> exists old, In (g, old) (grants d)
      /\ uses_left one = uses_left old /\ carries one = carries old /\ label one = label old
      /\ grant_expires one = grant_expires old) ->
    opened_by o = None -> (forall g, o <> Made g) -> grants_kept d' (Event (now d) what o :: h)).
  { intros Old None Not g at_ uses life given subject Was. apply made_earlier in Was; [| apply Not].
    rewrite count_other by exact None.
    destruct (Kept _ _ _ _ _ _ Was) as [Count Each]. split; auto. intros one Is.
    destruct (Old _ _ Is) as (old & Is' & -> & -> & -> & ->). auto. }
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t said ahead next U Good Re].
  - apply Same.
    + destruct Core as (-> & _). eauto 10.
    + destruct o; simpl in *; auto. destruct what0; simpl in *; tauto || auto.
    + intros g Is. subst. exact Silent.
  - apply Same; [| reflexivity | discriminate]. simpl. intros g one Is. apply in_keep in Is.
    exists one. tauto.
  - apply Same; [| reflexivity | discriminate]. simpl. eauto 10.
  - intros g at_ uses' life' given' subject' Was. rewrite count_other by reflexivity. destruct (N.eq_dec g (next_grant d)) as [-> | Other].
    + rewrite (none_opened d h); [| auto | lia].
      assert (Mine : uses' = uses /\ life' = life /\ given' = given /\ subject' = subject /\ at_ = now d).
      { destruct Was as (how' & issuer' & [Is | Is]); [inversion Is; auto |].
        apply (events_below _ _ Num) in Is. simpl in Is. lia. }
      destruct Mine as (-> & -> & -> & -> & ->). split; [lia |]. simpl. intros one' [Is | Is].
      * inversion Is; subst. unfold issue_grant in Issued.
        destruct (_ || _)%bool in Issued; [discriminate |].
        destruct (_ || _)%bool in Issued; [discriminate |].
        destruct (_ || _)%bool in Issued; [discriminate |]. inversion Issued; subst. simpl. repeat split; lia.
      * apply (grants_below _ _ Num) in Is. lia.
    + apply made_earlier in Was; [| simpl; congruence].
      destruct (Kept _ _ _ _ _ _ Was) as [Count Each]. split; auto. simpl. intros one' [Is | Is]; auto.
      inversion Is. congruence.
  - apply Same; [| reflexivity | discriminate]. simpl. intros g' one' Is. apply in_update in Is.
    destruct Is as [old [Is ->]]. exists old. destruct (g =? g'); simpl; auto 10.
  - apply Same; [| reflexivity | discriminate]. simpl. eauto 10.
  - apply Same; [| reflexivity | discriminate]. simpl. eauto 10.
  - inversion J; subst; try (simpl in Rd; tauto).
    + intros g' at' uses life given subject Was. apply made_earlier in Was; [| discriminate].
      destruct (Kept _ _ _ _ _ _ Was) as [Count Each]. erewrite count_one by reflexivity.
      pose proof (redeem_opens _ _ _ _ _ _ H2) as (_ & _ & _ & Left & _ & ->).
      destruct (N.eqb_spec g g') as [<- | Other].
      * destruct (Each one (get_in _ _ _ H1)) as (Sum & Carries & Label & Expires). cbv iota. split; [lia |].
        simpl grants. intros one' Is. apply in_update in Is. destruct Is as [old [Is ->]]. rewrite N.eqb_refl.
        simpl uses_left. simpl carries. simpl label. simpl grant_expires. repeat split; auto; lia.
      * cbv iota. rewrite N.add_0_l. split; auto. simpl. intros one' Is. apply in_update in Is.
        destruct Is as [old [Is ->]]. destruct (N.eqb_spec g g'); [congruence |]. auto.
    + apply Same; [| reflexivity | discriminate]. simpl. eauto 10.
  - apply Same; [| reflexivity | discriminate]. simpl. eauto 10.
Qed.

(* Nonces: what was bought in the last minute is known by its nonce, once. *)
Definition bought_by (g : N) (p : place) (n s : N) (e : event) : Prop :=
  opened_by (came e) = Some (g, s) /\ brings (op e) = Some (g, p, n).

Record nonces_kept (d : door) (h : history) : Prop := {
  bought_is_past : forall e g p n s one,
    In e h -> bought_by g p n s e -> In (g, one) (grants d) -> now d < when e + repeat_window ->
    In (Consumed n p s (when e)) (past one);
  past_was_bought : forall g one use,
    In (g, one) (grants d) -> In use (past one) ->
    exists e, In e h /\ when e = at_time use /\ bought_by g (at_place use) (nonce use) (bought use) e;
  past_is_once : forall g one first second,
    In (g, one) (grants d) -> In first (past one) -> In second (past one) ->
    in_window (now d) first = true -> in_window (now d) second = true ->
    nonce first = nonce second -> at_place first = at_place second -> bought first = bought second;
}.

Lemma same_place_refl p : same_place p p = true.
Proof. destruct p; reflexivity. Qed.

Lemma same_place_eq one other : same_place one other = true -> one = other.
Proof. destruct one, other; simpl; congruence. Qed.

Lemma in_window_later now now' use : now <= now' -> in_window now' use = true -> in_window now use = true.
Proof. unfold in_window. rewrite !N.ltb_lt. lia. Qed.

Lemma nonces_kept_step d h what d' o :
  numbered d h -> nonces_kept d h -> moved d what d' o -> nonces_kept d' (Event (now d) what o :: h).
Proof.
  intros Num [A B C] M. destruct (moved_grows _ _ _ _ M) as (_ & _ & _ & Later).
  assert (Same : (forall g one, In (g, one) (grants d') -> exists old, In (g, old) (grants d)
      /\ past one = past old) ->
    opened_by o = None -> nonces_kept d' (Event (now d) what o :: h)).
  { intros Old None. constructor.
    - intros e g p n s one [Is | Is] By Has In_; [subst; destruct By as [By _]; simpl in By; congruence |].
      destruct (Old _ _ Has) as (old & Has' & ->). eapply A; eauto. lia.
    - intros g one use Has Is. destruct (Old _ _ Has) as (old & Has' & Past). rewrite Past in Is.
      destruct (B _ _ _ Has' Is) as (e & Is' & How). exists e. simpl. auto.
    - intros g one first second Has Is1 Is2 W1 W2. destruct (Old _ _ Has) as (old & Has' & Past).
      rewrite Past in *. eapply C; eauto using in_window_later. }
  destruct M as [what d' o Core Later' Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t said ahead next U Good Re].
  - apply Same.
    + destruct Core as (-> & _). eauto.
    + destruct o; simpl in *; auto. destruct what0; simpl in *; tauto || auto.
  - apply Same; [| reflexivity]. simpl. intros g one Is. apply in_keep in Is. exists one. tauto.
  - apply Same; [| reflexivity]. simpl. eauto.
  - assert (Empty : past one = []).
    { unfold issue_grant in Issued.
      destruct (_ || _)%bool in Issued; [discriminate |].
      destruct (_ || _)%bool in Issued; [discriminate |].
      destruct (_ || _)%bool in Issued; [discriminate |]. inversion Issued; reflexivity. }
    constructor; simpl.
    + intros e g p n s one' [Is | Is] By Has In_; [subst; destruct By as [By _]; discriminate |].
      destruct Has as [Has | Has]; [| eapply A; eauto].
      inversion Has; subst. exfalso. destruct By as [By _]. unfold opened_by in By.
      destruct (events_below _ _ Num e Is) as [_ Below]. unfold numbers_below in Below.
      destruct (came e); try discriminate. destruct what; try discriminate.
      destruct again; try discriminate. inversion By; subst. lia.
    + intros g one' use [Has | Has] Is.
      * inversion Has; subst. rewrite Empty in Is. destruct Is.
      * destruct (B _ _ _ Has Is) as (e & Is' & How). exists e. auto.
    + intros g one' first second [Has | Has] Is1 Is2.
      * inversion Has; subst. rewrite Empty in Is1. destruct Is1.
      * eapply C; eauto.
  - apply Same; [| reflexivity]. simpl. intros g' one' Is. apply in_update in Is.
    destruct Is as [old [Is ->]]. exists old. destruct (g =? g'); auto.
  - apply Same; [| reflexivity]. simpl. eauto.
  - apply Same; [| reflexivity]. simpl. eauto.
  - inversion J; subst; try (simpl in Rd; tauto).
    + pose proof (redeem_opens _ _ _ _ _ _ H2) as (_ & Fresh & _ & _ & _ & ->).
      apply get_in in H1. simpl in *.
      assert (New : forall use, In use (past one) -> in_window (now d) use = true ->
        nonce use = n -> at_place use = at_ -> False).
      { intros use Is W Nonce Place. apply (find_none _ _ Fresh) in Is. unfold repeats in Is. simpl in Is.
        rewrite Nonce, Place, N.eqb_refl, same_place_refl, W in Is. discriminate. }
      constructor; simpl.
      * intros e g' p' n' s one' [Is | Is] [By Br] Has In_.
        -- subst. simpl in *. inversion By; subst. rewrite H in Br. inversion Br; subst.
           apply in_update in Has. destruct Has as [old [Has ->]]. rewrite N.eqb_refl. simpl.
           apply in_or_app. right. left. reflexivity.
        -- apply in_update in Has. destruct Has as [old [Has ->]].
           destruct (N.eqb_spec g g') as [<- |]; [| eapply A; eauto; split; auto]. simpl.
           apply in_or_app. left. apply filter_In. split; [| unfold in_window; simpl; apply N.ltb_lt; lia].
           eapply A; eauto. split; auto.
      * intros g' one' use Has Is. apply in_update in Has. destruct Has as [old [Has ->]].
        destruct (N.eqb_spec g g') as [<- |].
        -- simpl in Is. apply in_app_or in Is. destruct Is as [Is | [Is | []]].
           ++ apply filter_In in Is. destruct Is as [Is _].
              destruct (B _ _ _ H1 Is) as (e & Is' & How). exists e. auto.
           ++ subst. simpl. eexists. split; [left; reflexivity |]. simpl. split; auto. split; auto.
        -- destruct (B _ _ _ Has Is) as (e & Is' & How). exists e. auto.
      * intros g' one' first second Has Is1 Is2 W1 W2 Nonce Place.
        apply in_update in Has. destruct Has as [old [Has ->]].
        destruct (N.eqb_spec g g') as [<- |]; [| eapply C; eauto].
        simpl in Is1, Is2. apply in_app_or in Is1. apply in_app_or in Is2.
        destruct Is1 as [Is1 | [Is1 | []]]; destruct Is2 as [Is2 | [Is2 | []]]; subst; auto;
          repeat match goal with Is : In _ (filter _ _) |- _ => apply filter_In in Is; destruct Is as [Is _] end.
        -- exact (C g one first second H1 Is1 Is2 W1 W2 Nonce Place).
        -- exfalso. simpl in *. exact (New first Is1 W1 Nonce Place).
        -- exfalso. simpl in *. exact (New second Is2 W2 (eq_sym Nonce) (eq_sym Place)).
    + apply Same; [| reflexivity]. simpl. eauto.
  - apply Same; [| reflexivity]. simpl. eauto.
Qed.

(* Sessions: what becomes of their rows, tokens and exceptions. *)

Lemma stand_same freshness now_ known_ said stood :
  stand freshness now_ known_ said = Yes stood ->
  session stood = session said /\ expires stood = expires said /\ absolute_end stood = absolute_end said
  /\ within (allows stood) (allows said).
Proof.
  unfold stand. intros Stands. apply then_yes in Stands. destruct Stands as [? [_ Stands]].
  destruct (get _ _) as [[[| most] u] |] in Stands; inversion Stands; subst; simpl;
    auto using within_refl, common_left.
Qed.

Lemma good_token_is d t said : good_token d t said ->
  exists one, In (t, one) (tokens d) /\ session said = session (says one) /\ expires said = expires (says one)
    /\ absolute_end said = absolute_end (says one) /\ within (allows said) (allows (says one))
    /\ now d < absolute_end (says one).
Proof.
  intros (one & Found & _ & _ & _ & End & Stands). apply stand_same in Stands. exists one.
  apply get_in in Found. tauto.
Qed.

Lemma renewal_is said life_ at_ next : renewal said life_ at_ = Some next ->
  session next = session said /\ allows next = allows said /\ absolute_end next = absolute_end said
  /\ expires next <= absolute_end said /\ expires said < expires next.
Proof.
  unfold renewal. destruct (_ && _ && _)%bool eqn:Due; [| discriminate]. intros Is. inversion Is; subst.
  simpl. apply andb_true_iff in Due. destruct Due as [_ Due]. apply N.ltb_lt in Due.
  repeat split; auto. apply N.le_min_r.
Qed.

Definition row_follows (d : door) (what : operation) (o : outcome) (s : N) (before after : row) : Prop :=
  row_absolute after = row_absolute before
  /\ row_expires before <= row_expires after
  /\ (row_expires before <= row_absolute before -> row_expires after <= row_absolute before)
  /\ (row_revoked before = true -> row_revoked after = true)
  /\ within (row_caps after) (row_caps before)
  /\ match o with
     | Renewed who _ next => session who = s -> row_revoked after = false ->
         N.min (expires next) (row_absolute before) <= row_expires after
     | RevokedAll sessions => In s sessions -> row_revoked after = true
     | LimitedAll sessions => In s sessions ->
         match what with Limit _ most => within (row_caps after) most | _ => True end
     | _ => True
     end.

Definition bought_row (d : door) (o : outcome) (s : N) (one : row) : Prop :=
  s = next_session d /\ exists g from_, opened_by o = Some (g, s) /\ get g (grants d) = Some from_
    /\ one = open_row (label from_) (carries from_) (life (set d)) (now d).

Lemma unchanged_row d what o s one :
  (match o with Renewed _ _ _ | RevokedAll _ | LimitedAll _ => False | _ => True end) ->
  row_follows d what o s one one.
Proof.
  intros Plain. unfold row_follows. repeat split; auto using within_refl; try lia.
  destruct o; tauto || auto.
Qed.

Lemma rows_after d what d' o s after :
  moved d what d' o -> In (s, after) (rows d') ->
  (exists before, In (s, before) (rows d) /\ row_follows d what o s before after)
  \/ bought_row d o s after.
Proof.
  intros M Is.
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t said ahead next U Good Re].
  - left. exists after. destruct Core as (_ & _ & Rows & _). rewrite Rows in Is. split; auto.
    apply unchanged_row. destruct o; simpl in Silent; tauto || auto.
  - left. exists after. simpl in Is. apply in_keep in Is. split; [tauto | apply unchanged_row; exact I].
  - left. exists after. split; [exact Is | apply unchanged_row; exact I].
  - left. exists after. split; [exact Is | apply unchanged_row; exact I].
  - left. exists after. split; [exact Is | apply unchanged_row; exact I].
  - left. simpl in Is. apply in_update_all in Is; [| apply revoke_row_twice].
    destruct Is as [old [Is How]]. exists old. split; auto. simpl. unfold row_follows.
    destruct How as [[Picked ->] | [Not ->]]; simpl; repeat split; auto using within_refl; try lia; tauto.
  - left. simpl in Is. apply in_update_all in Is; [| apply limit_row_twice].
    destruct Is as [old [Is How]]. exists old. split; auto. simpl. unfold row_follows.
    destruct How as [[Picked ->] | [Not ->]]; simpl; repeat split;
      auto using within_refl, common_left, common_right; try lia; tauto.
  - inversion J; subst; try (simpl in Rd; tauto); simpl in Is.
    + destruct Is as [Is | Is].
      * inversion Is; subst. right. split; auto. exists g, one. auto.
      * left. exists after. split; [exact Is | apply unchanged_row; exact I].
    + left. exists after. split; [exact Is | apply unchanged_row; exact I].
  - left. simpl in Is. apply in_update in Is. destruct Is as [old [Is ->]]. exists old. split; auto.
    unfold row_follows. destruct (N.eqb_spec (session said) s) as [Mine | Other].
    + unfold extend. destruct (row_revoked old) eqn:Revoked; simpl; repeat split;
        auto using within_refl; try lia; try congruence.
    + repeat split; auto using within_refl; try lia. all: intros; congruence.
Qed.

Inductive token_comes (d : door) (o : outcome) (said : claims) : Prop :=
| comes_opened g from_ :
    opened_by o = Some (g, next_session d) -> get g (grants d) = Some from_ ->
    said = claims_of (next_session d) (open_row (label from_) (carries from_) (life (set d)) (now d)) ->
    token_comes d o said
| comes_repeated s one :
    get s (rows d) = Some one -> row_revoked one = false -> now d < row_expires one ->
    said = claims_of s one -> token_comes d o said
| comes_renewed t who :
    good_token d t who -> o = Renewed who (next_token d) said -> session said = session who ->
    allows said = allows who -> absolute_end said = absolute_end who ->
    expires said <= absolute_end who -> token_comes d o said.

Lemma tokens_after d what d' o t after :
  moved d what d' o -> In (t, after) (tokens d') ->
  In (t, after) (tokens d) \/ (t = next_token d /\ token_comes d o (says after)).
Proof.
  intros M Is.
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t0 said ahead next U Good Re];
    try (left; exact Is).
  - left. destruct Core as (_ & _ & _ & _ & Tokens & _). rewrite Tokens in Is. auto.
  - inversion J; subst; try (simpl in Rd; tauto); simpl in Is; destruct Is as [Is | Is]; auto; right;
      inversion Is; subst; split; auto.
    + eapply comes_opened; eauto. reflexivity.
    + eapply comes_repeated; eauto.
  - simpl in Is. destruct Is as [Is | Is]; auto. right. inversion Is; subst. split; auto. simpl.
    apply renewal_is in Re. eapply comes_renewed; eauto; tauto.
Qed.

Lemma exceptions_after d what d' o s after :
  moved d what d' o -> In (s, after) (exceptions (known d')) ->
  In (s, after) (exceptions (known d))
  \/ exists one, get s (rows d') = Some one /\ until_ after = row_absolute one /\ opened_by o = None.
Proof.
  intros M Is.
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t0 said ahead next U Good Re];
    try (left; exact Is).
  - left. destruct Core as (_ & _ & _ & _ & _ & _ & Same). rewrite Same in Is. auto.
  - left. simpl in Is. apply in_keep in Is. tauto.
  - simpl in Is. apply in_noted in Is.
    destruct Is as [Is | [_ [one [Found ->]]]]; auto. right. exists one. auto.
  - simpl in Is. apply in_noted in Is.
    destruct Is as [Is | [_ [one [Found ->]]]]; auto. right. exists one. auto.
  - left. inversion J; subst; try (simpl in Rd; tauto); exact Is.
Qed.

Lemma rows_distinct_step d h what d' o :
  numbered d h -> distinct (rows d) -> moved d what d' o -> distinct (rows d').
Proof.
  intros Num D M.
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t0 said ahead next U Good Re];
    simpl; auto using distinct_keep, distinct_update, distinct_update_all.
  - destruct Core as (_ & _ & -> & _). auto.
  - inversion J; subst; simpl; auto. apply distinct_cons; auto.
    intros other Is. apply (rows_below _ _ Num) in Is. lia.
Qed.

Record ends_kept (d : door) (h : history) : Prop := {
  row_ends : forall s one, In (s, one) (rows d) -> row_expires one <= row_absolute one;
  token_ends : forall t one, In (t, one) (tokens d) -> expires (says one) <= absolute_end (says one);
  token_row : forall t one of_, In (t, one) (tokens d) -> In (session (says one), of_) (rows d) ->
    absolute_end (says one) = row_absolute of_
    /\ (row_revoked of_ = false -> expires (says one) <= row_expires of_);
  exception_ends : forall s one, In (s, one) (exceptions (known d)) ->
    (forall t of_, In (t, of_) (tokens d) -> session (says of_) = s -> absolute_end (says of_) <= until_ one)
    /\ (forall of_, In (s, of_) (rows d) -> row_absolute of_ <= until_ one);
  event_ends : forall e g again s t held until end_ joined,
    In e h -> came e = Decided (Redeemed g again s t held until end_ joined) ->
    (forall t' of_, In (t', of_) (tokens d) -> session (says of_) = s -> absolute_end (says of_) = end_)
    /\ (forall of_, In (s, of_) (rows d) -> row_absolute of_ = end_);
}.

Definition lives_in_order (d : door) : Prop := idle (life (set d)) <= absolute (life (set d)).

Lemma not_revoked_before d what o s before after :
  row_follows d what o s before after -> row_revoked after = false -> row_revoked before = false.
Proof.
  intros (_ & _ & _ & Stays & _) Not. destruct (row_revoked before); auto. rewrite Stays in Not; congruence.
Qed.

(* The end of a token that comes is that of the session's row, and of all its tokens before. *)
Lemma ends_kept_step d h what d' o :
  lives_in_order d -> numbered d h -> distinct (rows d) -> ends_kept d h -> moved d what d' o ->
  ends_kept d' (Event (now d) what o :: h).
Proof.
  intros Order Num Dis [RE TE TR XE EE] M.
  pose proof (rows_distinct_step _ _ _ _ _ Num Dis M) as Dis'.
  pose proof (fun s one => rows_after d what d' o s one M) as RowsAfter.
  pose proof (fun t one => tokens_after d what d' o t one M) as TokensAfter.
  pose proof (fun s one => exceptions_after d what d' o s one M) as ExceptionsAfter.
  assert (NewRow : forall s one, bought_row d o s one ->
    row_expires one <= row_absolute one
    /\ (forall one', ~ In (s, one') (rows d))
    /\ (forall t of_, In (t, of_) (tokens d) -> session (says of_) <> s)
    /\ (forall one', ~ In (s, one') (exceptions (known d)))
    /\ s = next_session d).
  { intros s one (-> & g & from_ & _ & _ & ->). repeat split.
    - unfold lives_in_order in Order. simpl. lia.
    - intros one' Is. apply (rows_below _ _ Num) in Is. lia.
    - intros t of_ Is Mine. apply (tokens_below _ _ Num) in Is. lia.
    - intros one' Is. apply (exceptions_below _ _ Num) in Is. lia. }
  assert (Comes : forall said, token_comes d o said ->
    expires said <= absolute_end said
    /\ (forall of_, In (session said, of_) (rows d') ->
          absolute_end said = row_absolute of_ /\ (row_revoked of_ = false -> expires said <= row_expires of_))
    /\ (session said = next_session d
        \/ (exists t one, In (t, one) (tokens d) /\ session said = session (says one)
              /\ absolute_end said = absolute_end (says one))
        \/ (exists one, In (session said, one) (rows d) /\ absolute_end said = row_absolute one))).
  { intros said Comes. destruct Comes as [g from_ Opens Found -> | s row Found Live Soon -> | t who Good O Se Al Ab Ex].
    - split; [unfold lives_in_order in Order; simpl; lia |]. split; [| left; reflexivity].
      simpl. intros of_ Is. apply RowsAfter in Is. destruct Is as [(b & Was & _) | New].
      + apply (rows_below _ _ Num) in Was. lia.
      + destruct New as (_ & g' & f' & Opens' & Found' & ->). rewrite Opens in Opens'. inversion Opens'; subst.
        rewrite Found in Found'. inversion Found'; subst. simpl. split; auto. lia.
    - apply get_in in Found. split; [simpl; eauto |]. split; [| right; right; exists row; auto].
      simpl. intros of_ Is. apply RowsAfter in Is. destruct Is as [(b & Was & F) | New].
      + rewrite (distinct_in _ _ _ _ Dis Was Found) in F. destruct F as (-> & Grows & _). split; auto. 
      + exfalso. destruct (NewRow _ _ New) as (_ & No & _). eapply No; eauto.
    - apply good_token_is in Good. destruct Good as (one & Is & Se' & _ & Ab' & _).
      split; [lia |]. split; [| right; left; exists t, one; repeat split; congruence].
      intros of_ Has. rewrite Se, Se' in Has. apply RowsAfter in Has. destruct Has as [(b & Was & F) | New].
      + destruct (TR _ _ _ Is Was) as [End Exp]. pose proof (not_revoked_before _ _ _ _ _ _ F) as Not.
        destruct F as (-> & Grows & _ & _ & _ & Then). subst o. split; [congruence |]. intros No.
        specialize (Then Se' No). lia.
      + exfalso. destruct (NewRow _ _ New) as (_ & _ & No & _). eapply No; eauto. }
  assert (TokenRow : forall t one of_, In (t, one) (tokens d') -> In (session (says one), of_) (rows d') ->
    absolute_end (says one) = row_absolute of_
    /\ (row_revoked of_ = false -> expires (says one) <= row_expires of_)).
  { intros t one of_ Is Has. apply TokensAfter in Is. destruct Is as [Is | [_ New]].
    - apply RowsAfter in Has. destruct Has as [(b & Was & F) | New].
      + destruct (TR _ _ _ Is Was) as [End Exp]. pose proof (not_revoked_before _ _ _ _ _ _ F) as Not.
        destruct F as (-> & Grows & _). split; auto. intros No. apply Not, Exp in No. lia.
      + exfalso. destruct (NewRow _ _ New) as (_ & _ & No & _). eapply No; eauto.
    - apply (Comes _ New). auto. }
  constructor; auto.
  - intros s one Is. apply RowsAfter in Is. destruct Is as [(b & Was & F) | New].
    + destruct F as (-> & _ & Ends & _). eauto.
    + apply (NewRow _ _ New).
  - intros t one Is. apply TokensAfter in Is. destruct Is as [Is | [_ New]]; eauto. apply (Comes _ New).
  - intros s one Is. apply ExceptionsAfter in Is. destruct Is as [Is | (row & Found & -> & NoOpen)].
    + destruct (XE _ _ Is) as [Tokens Rows]. split.
      * intros t of_ Has Mine. apply TokensAfter in Has. destruct Has as [Has | [_ New]]; eauto.
        destruct (Comes _ New) as (_ & _ & [Next | [(t' & one' & Has & Se & ->) | (one' & Has & ->)]]).
        -- apply (exceptions_below _ _ Num) in Is. lia.
        -- eapply Tokens; eauto. congruence.
        -- apply Rows. congruence.
      * intros of_ Has. apply RowsAfter in Has. destruct Has as [(b & Was & F) | New].
        -- destruct F as (-> & _). auto.
        -- exfalso. destruct (NewRow _ _ New) as (_ & _ & _ & No & _). eapply No; eauto.
    + apply get_in in Found. split.
      * intros t of_ Has <-. destruct (TokenRow _ _ _ Has Found) as [-> _]. lia.
      * intros of_ Has. rewrite (distinct_in _ _ _ _ Dis' Has Found). lia.
  - intros e g again s t held until end_ joined [Is | Is] Came.
    + subst e. simpl in Came. subst o.
      assert (Row : forall one, In (s, one) (rows d') -> row_absolute one = end_).
      { intros one Has. inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; [destruct Silent |].
        inversion J; subst; simpl in Has.
        - destruct Has as [Has | Has]; [inversion Has; reflexivity |].
          apply (rows_below _ _ Num) in Has. lia.
        - erewrite (distinct_in _ _ _ _ Dis Has); [reflexivity | apply get_in; auto]. }
      assert (Some_ : exists one, In (s, one) (rows d')).
      { inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; [destruct Silent |].
        inversion J; subst; simpl; eexists; [left; reflexivity | apply get_in; eauto]. }
      split; auto. intros t' of_ Has <-. destruct Some_ as [one Mine].
      destruct (TokenRow _ _ _ Has Mine) as [-> _]. auto.
    + destruct (EE _ _ _ _ _ _ _ _ _ Is Came) as [Tokens Rows]. split.
      * intros t' of_ Has Mine. apply TokensAfter in Has. destruct Has as [Has | [_ New]]; eauto.
        destruct (Comes _ New) as (_ & _ & [Next | [(t1 & one' & Has & Se & ->) | (one' & Has & ->)]]).
        -- destruct (events_below _ _ Num _ Is) as [_ Below]. rewrite Came in Below. simpl in Below. lia.
        -- eapply Tokens; eauto. congruence.
        -- apply Rows. congruence.
      * intros of_ Has. apply RowsAfter in Has. destruct Has as [(b & Was & F) | New].
        -- destruct F as (-> & _). auto.
        -- destruct New as (-> & _). destruct (events_below _ _ Num _ Is) as [_ Below].
           rewrite Came in Below. simpl in Below. lia.
Qed.

(* Who comes in by a step: as which session, and with which capabilities. *)
Definition enters (o : outcome) : option (N * caps) :=
  match o with
  | Decided (Admitted (Some said) held _) => Some (session said, held)
  | Decided (Redeemed _ _ s _ held _ _ _) => Some (s, held)
  | Renewed who _ next => Some (session who, allows next)
  | Kept (Some who) => Some (session who, allows who)
  | _ => None
  end.

Definition comes_by_token (d : door) (s : N) (held : caps) : Prop :=
  exists t said, good_token d t said /\ session said = s /\ within held (allows said).

Definition comes_by_grant (d : door) (what : operation) (o : outcome) (s : N) (held : caps) : Prop :=
  exists d' v, o = Decided v /\ judged d (brings what) d' v /\ redeems v /\ enters (Decided v) = Some (s, held).

Lemma judged_enters d what d' v s held :
  judged d (brings what) d' v -> enters (Decided v) = Some (s, held) ->
  comes_by_token d s held \/ comes_by_grant d what (Decided v) s held.
Proof.
  intros J. destruct v; simpl; try discriminate.
  - destruct who as [said |]; [| discriminate]. intros Is. inversion Is; subst. inversion J; subst.
    left. exists t, said. auto.
  - intros Is. right. exists d'. eexists. split; [reflexivity |]. split; [exact J |]. simpl. auto.
Qed.

Lemma door_step_enters d what d' o s held :
  exceptions_known d -> door_step d what = (d', o) -> enters o = Some (s, held) ->
  comes_by_token d s held \/ comes_by_grant d what o s held.
Proof.
  intros Known H In_. destruct what; simpl in H;
    try (inversion H; subst; discriminate In_);
    try (unfold change_keys in H; destruct (rotate _ _); inversion H; subst; discriminate In_);
    try (unfold change_keys in H; destruct (replace _ _); inversion H; subst; discriminate In_);
    try (destruct (get g (grants d)); inversion H; subst; discriminate In_).
  - unfold make_grant in H. destruct (issue_grant _ _ _ _ _ _ _); [destruct (_ <=? _) |];
      inversion H; subst; discriminate In_.
  - unfold change_workspaces in H. destruct (create _ _); inversion H; subst; discriminate In_.
  - unfold change_workspaces in H. destruct (place_anew _ _); inversion H; subst; discriminate In_.
  - unfold change_workspaces in H. destruct (delete _ _); inversion H; subst; discriminate In_.
  - unfold change_workspaces in H. destruct (admit_member _ _ _ _); inversion H; subst; discriminate In_.
  - unfold change_workspaces in H. destruct (expel _ _ _); inversion H; subst; discriminate In_.
  - destruct (decide d r) as [d'' v] eqn:D. inversion H; subst.
    eapply judged_enters; eauto. simpl. eapply decide_judged; eauto.
  - destruct (decide d r) as [d'' v] eqn:D.
    assert (J : judged d (brings (Renews ahead r)) d'' v) by (eapply decide_judged; eauto).
    destruct v; try (inversion H; subst; eapply judged_enters; eauto; fail).
    destruct who as [said |]; [| inversion H; subst; discriminate In_].
    inversion J; subst. unfold renew in H. left. exists t, said. split; auto.
    destruct (renewal _ _ _) as [next |] eqn:Renews; inversion H; subst; simpl in In_; inversion In_; subst.
    + apply renewal_is in Renews. destruct Renews as (_ & -> & _). auto using within_refl.
    + auto using within_refl.
  - destruct (decide_hello d h) as [d'' v] eqn:D. inversion H; subst.
    eapply judged_enters; eauto. simpl. eapply decide_hello_judged; eauto.
Qed.

Lemma step_enters w what w' o s held :
  exceptions_known (the_door w) -> step w what = (w', o) -> enters o = Some (s, held) ->
  comes_by_token (the_door w) s held \/ comes_by_grant (the_door w) what o s held.
Proof.
  intros Known H. destruct what; cbn [step] in H;
    try (match type of H with context [door_step ?d ?what] =>
      destruct (door_step d what) as [d' o'] eqn:S end;
      inversion H; subst; eapply door_step_enters; eauto; fail).
  destruct (room_step _ _ _) as [r said]. inversion H; subst. discriminate.
Qed.

(* A session that is bounded comes in with no more than [most]; one that is over, not at all. *)
Definition noted_so (d : door) (s : N) (good : standing -> Prop) (out : claims -> Prop) : Prop :=
  (exists how u, get s (exceptions (known d)) = Some (Exception how u) /\ good how)
  \/ (forall t one, In (t, one) (tokens d) -> session (says one) = s ->
        absolute_end (says one) <= now d \/ out (says one)).

Definition over (d : door) (s : N) : Prop :=
  s < next_session d
  /\ (forall one, In (s, one) (rows d) -> row_revoked one = true)
  /\ noted_so d s (fun how => how = Revoked) (fun _ => False).

Definition no_more_than (most : caps) (how : standing) : Prop :=
  match how with Revoked => True | Limited some => within some most end.

Definition bounded (d : door) (s : N) (most : caps) : Prop :=
  s < next_session d
  /\ (forall one, In (s, one) (rows d) -> within (row_caps one) most)
  /\ noted_so d s (no_more_than most) (fun said => within (allows said) most).

Lemma stand_noted freshness now_ known_ said stood :
  stand freshness now_ known_ said = Yes stood ->
  match get (session said) (exceptions known_) with
  | None => stood = said
  | Some (Exception Revoked _) => False
  | Some (Exception (Limited most) _) => within (allows stood) most
  end.
Proof.
  unfold stand. intros Stands. apply then_yes in Stands. destruct Stands as [? [_ Stands]].
  destruct (get _ _) as [[[| most] u] |]; inversion Stands; subst; simpl; auto using common_right.
Qed.

Lemma over_stays_out d what o s held :
  over d s -> comes_by_token d s held \/ comes_by_grant d what o s held -> False.
Proof.
  intros (Below & Rows & Noted) [Token | Grant].
  - destruct Token as (t & said & (one & Found & _ & _ & _ & End & Stands) & Mine & _).
    pose proof (stand_same _ _ _ _ _ Stands) as (Same & _).
    apply stand_noted in Stands. rewrite <- Same, Mine in Stands.
    destruct Noted as [(how & u & Is & ->) | Ended].
    + rewrite Is in Stands. exact Stands.
    + apply get_in in Found. destruct (Ended _ _ Found) as [? | []]; [congruence | lia].
  - destruct Grant as (d' & v & _ & J & R & In_). inversion J; subst; try (destruct R; fail);
      simpl in In_; inversion In_; subst; [lia |].
    apply get_in, Rows in H2. congruence.
Qed.

Lemma bounded_comes_so d what o s held most :
  bounded d s most -> comes_by_token d s held \/ comes_by_grant d what o s held -> within held most.
Proof.
  intros (Below & Rows & Noted) [Token | Grant].
  - destruct Token as (t & said & (one & Found & _ & _ & _ & End & Stands) & Mine & Held).
    apply within_trans with (1 := Held).
    pose proof (stand_same _ _ _ _ _ Stands) as (Same & _ & _ & Less).
    destruct Noted as [(how & u & Is & Good) | Ended].
    + apply stand_noted in Stands. rewrite <- Same, Mine, Is in Stands.
      destruct how as [| some]; [destruct Stands |]. exact (within_trans _ _ _ Stands Good).
    + apply get_in in Found. destruct (Ended _ _ Found) as [? | Good]; [congruence | lia |].
      eapply within_trans; eauto.
  - destruct Grant as (d' & v & _ & J & R & In_). inversion J; subst; try (destruct R; fail);
      simpl in In_; inversion In_; subst; [lia |].
    apply stand_same in H5. destruct H5 as (_ & _ & _ & Less). simpl in Less.
    apply within_trans with (1 := H6). apply within_trans with (1 := Less).
    apply get_in, Rows in H2. exact H2.
Qed.

Lemma noted_step d h what d' o s (good : standing -> Prop) (out : claims -> Prop) :
  ends_kept d h -> good Revoked ->
  (forall some, good (Limited some) -> forall one, In (s, one) (rows d') -> good (Limited (row_caps one))) ->
  (forall said, token_comes d o said -> session said = s -> out said) ->
  moved d what d' o -> noted_so d s good out -> noted_so d' s good out.
Proof.
  intros Ends Rev Lim New M Noted.
  destruct (moved_grows _ _ _ _ M) as (_ & _ & _ & Later).
  assert (Tokens : (forall t one, In (t, one) (tokens d) -> session (says one) = s ->
      absolute_end (says one) <= now d \/ out (says one)) ->
    forall t one, In (t, one) (tokens d') -> session (says one) = s ->
      absolute_end (says one) <= now d' \/ out (says one)).
  { intros Old t one Is Mine. apply (tokens_after _ _ _ _ _ _ M) in Is. destruct Is as [Is | [_ Comes]].
    - destruct (Old _ _ Is Mine); [left; lia | right; auto].
    - right. eauto. }
  destruct Noted as [(how & u & Is & Good) | Old]; [| right; exact (Tokens Old)].
  assert (Same : get s (exceptions (known d')) = get s (exceptions (known d)) -> noted_so d' s good out)
    by (intros Same; left; exists how, u; rewrite Same; auto).
  destruct M as [what d' o Core Later' Silent | | |
      uses life given how' subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t0 said ahead next U Good' Re];
    try (apply Same; reflexivity).
  - apply Same. destruct Core as (_ & _ & _ & _ & _ & _ & ->). reflexivity.
  - destruct (N.ltb_spec (now d) u) as [Soon | Past].
    + left. exists how, u. split; auto. simpl. apply get_keep; auto. simpl. apply N.ltb_lt. auto.
    + right. intros t one Has Mine. left. simpl in *. apply get_in in Is.
      destruct (exception_ends _ _ Ends _ _ Is) as [Tok _]. specialize (Tok _ _ Has Mine). simpl in Tok. lia.
  - destruct (in_dec N.eq_dec s (to_revoke which (now d) (rows d))) as [Picked | Not].
    + pose proof (to_revoke_is_row _ _ _ _ Picked) as [row Row].
      destruct (in_update_all_keeps revoke_row (to_revoke which (now d) (rows d)) _ _ _ Row) as [after After].
      destruct (in_get _ _ _ After) as [one Get].
      destruct (get_noted _ (fun _ => Revoked) _ (known d) s one Picked Get)
        as (ex & Noted & [(u' & -> & _) | ->]); left; exists Revoked; eexists; split; try exact Noted; exact Rev.
    + apply Same. simpl. apply get_noted_other. exact Not.
  - destruct (in_dec N.eq_dec s (to_limit which most (now d) (rows d))) as [Picked | Not].
    + pose proof (to_limit_is_row _ _ _ _ _ Picked) as [row Row].
      destruct (in_update_all_keeps (limit_row most) (to_limit which most (now d) (rows d)) _ _ _ Row) as [after After].
      destruct (in_get _ _ _ After) as [one Get].
      destruct how as [| some].
      * left. exists Revoked, u. split; auto. simpl. apply stays_revoked. exact Is.
      * destruct (get_noted _ (fun one => Limited (row_caps one)) _ (known d) s one Picked Get)
          as (ex & Noted & [(u' & -> & Was) | ->]); left.
        -- exists Revoked. eexists. split; [exact Noted | exact Rev].
        -- eexists. eexists. split; [exact Noted |]. eapply Lim; eauto. simpl. apply get_in. exact Get.
    + apply Same. simpl. apply get_noted_other. exact Not.
  - apply Same. inversion J; subst; try (simpl in Rd; tauto); reflexivity.
Qed.

Lemma over_step d h what d' o s :
  numbered d h -> ends_kept d h -> moved d what d' o -> over d s -> over d' s.
Proof.
  intros Num Ends M Over. pose proof Over as (Below & Rows & Noted).
  destruct (moved_grows _ _ _ _ M) as (_ & Grows & _ & _). split; [lia |].
  assert (Rows' : forall one, In (s, one) (rows d') -> row_revoked one = true).
  { intros one Is. apply (rows_after _ _ _ _ _ _ M) in Is. destruct Is as [(b & Was & F) | (-> & _)]; [| lia].
    destruct F as (_ & _ & _ & Stays & _). auto. }
  split; auto. refine (noted_step d h what d' o s _ _ Ends _ _ _ M Noted).
  - reflexivity.
  - intros some Is. discriminate.
  - intros said Comes Mine. destruct Comes as [g from_ Opens Found -> | s' row Found Live Soon -> | t who Good O Se Al Ab Ex].
    + simpl in Mine. lia.
    + simpl in Mine. subst. apply get_in, Rows in Found. congruence.
    + eapply over_stays_out with (what := what) (o := o) (held := allows who); eauto. left. exists t, who.
      repeat split; auto using within_refl. congruence.
Qed.

Lemma bounded_step d h what d' o s most :
  numbered d h -> ends_kept d h -> moved d what d' o -> bounded d s most -> bounded d' s most.
Proof.
  intros Num Ends M Bound. pose proof Bound as (Below & Rows & Noted).
  destruct (moved_grows _ _ _ _ M) as (_ & Grows & _ & _). split; [lia |].
  assert (Rows' : forall one, In (s, one) (rows d') -> within (row_caps one) most).
  { intros one Is. apply (rows_after _ _ _ _ _ _ M) in Is. destruct Is as [(b & Was & F) | (-> & _)]; [| lia].
    destruct F as (_ & _ & _ & _ & Less & _). eapply within_trans; eauto. }
  split; auto. refine (noted_step d h what d' o s _ _ Ends _ _ _ M Noted).
  - exact I.
  - intros some _ one Is. simpl. auto.
  - intros said Comes Mine. destruct Comes as [g from_ Opens Found -> | s' row Found Live Soon -> | t who Good O Se Al Ab Ex].
    + simpl in Mine. lia.
    + simpl in *. subst. apply get_in, Rows in Found. exact Found.
    + rewrite Al. eapply bounded_comes_so with (what := what) (o := o); eauto. left. exists t, who.
      repeat split; auto using within_refl. congruence.
Qed.

(* Sessions that an operation has revoked or limited. *)
Definition revoked_kept (d : door) (h : history) : Prop :=
  forall e sessions s, In e h -> came e = RevokedAll sessions -> In s sessions -> over d s.

Definition limited_kept (d : door) (h : history) : Prop :=
  forall e which most sessions s, In e h -> op e = Limit which most -> came e = LimitedAll sessions ->
    In s sessions -> bounded d s most.

Lemma revoked_kept_step d h what d' o :
  numbered d h -> distinct (rows d) -> ends_kept d h -> revoked_kept d h -> moved d what d' o ->
  revoked_kept d' (Event (now d) what o :: h).
Proof.
  intros Num Dis Ends Kept M e sessions s [Is | Is] Came In_; [| eapply over_step; eauto].
  subst e. simpl in Came. subst o.
  assert (Is : exists which, sessions = to_revoke which (now d) (rows d) /\ d' = fst (revoke_sessions d which)).
  { inversion M; subst; try (simpl in *; tauto); eauto. }
  destruct Is as (which & -> & ->).
  pose proof (to_revoke_is_row _ _ _ _ In_) as [row Row].
  assert (Rows : forall one, In (s, one) (rows (fst (revoke_sessions d which))) -> row_revoked one = true).
  { simpl. intros one Is. apply in_update_all in Is; [| apply revoke_row_twice].
    destruct Is as (old & _ & [[_ ->] | [Not _]]); [reflexivity | tauto]. }
  split; [simpl; apply (rows_below _ _ Num) in Row; auto |]. split; auto. left.
  destruct (in_update_all_keeps revoke_row (to_revoke which (now d) (rows d)) _ _ _ Row) as [after After].
  destruct (in_get _ _ _ After) as [one Get].
  destruct (get_noted _ (fun _ => Revoked) _ (known d) s one In_ Get) as (ex & Noted & [(u' & -> & _) | ->]);
    exists Revoked; eexists; split; eauto; exact Noted.
Qed.

Lemma limited_kept_step d h what d' o :
  numbered d h -> distinct (rows d) -> ends_kept d h -> limited_kept d h -> moved d what d' o ->
  limited_kept d' (Event (now d) what o :: h).
Proof.
  intros Num Dis Ends Kept M e which most sessions s [Is | Is] Op Came In_; [| eapply bounded_step; eauto].
  subst e. simpl in Came, Op. subst o what.
  assert (Is : sessions = to_limit which most (now d) (rows d) /\ d' = fst (limit_sessions d which most)).
  { inversion M; subst; try (simpl in *; tauto); auto. }
  destruct Is as (-> & ->).
  pose proof (to_limit_is_row _ _ _ _ _ In_) as [row Row].
  assert (Rows : forall one, In (s, one) (rows (fst (limit_sessions d which most))) -> within (row_caps one) most).
  { simpl. intros one Is. apply in_update_all in Is; [| apply limit_row_twice].
    destruct Is as (old & _ & [[_ ->] | [Not _]]); [apply common_right | tauto]. }
  split; [simpl; apply (rows_below _ _ Num) in Row; auto |]. split; auto. left.
  destruct (in_update_all_keeps (limit_row most) (to_limit which most (now d) (rows d)) _ _ _ Row) as [after After].
  destruct (in_get _ _ _ After) as [one Get].
  destruct (get_noted _ (fun one => Limited (row_caps one)) _ (known d) s one In_ Get)
    as (ex & Noted & [(u' & -> & _) | ->]).
  - exists Revoked. eexists. split; [exact Noted | exact I].
  - eexists. eexists. split; [exact Noted |]. simpl. apply Rows. apply get_in. exact Get.
Qed.

(* What a session may do was the grant's that bought it. *)
Definition caps_kept (d : door) (h : history) : Prop :=
  forall e g s at_ uses life given subject,
    In e h -> opened_by (came e) = Some (g, s) -> made g at_ uses life given subject h ->
    (forall one, In (s, one) (rows d) -> within (row_caps one) given)
    /\ (forall t one, In (t, one) (tokens d) -> session (says one) = s -> within (allows (says one)) given).

Lemma opened_below d h e g s :
  numbered d h -> In e h -> opened_by (came e) = Some (g, s) -> g < next_grant d /\ s < next_session d.
Proof.
  intros Num Is Opens. destruct (events_below _ _ Num _ Is) as [_ Below].
  unfold opened_by in Opens. destruct (came e); try discriminate. destruct what; try discriminate.
  destruct again; try discriminate. inversion Opens; subst. simpl in Below. lia.
Qed.

Lemma caps_kept_step d h what d' o :
  numbered d h -> grants_kept d h -> caps_kept d h -> moved d what d' o ->
  caps_kept d' (Event (now d) what o :: h).
Proof.
  intros Num Grants Kept M e g s at_ uses life given subject Is Opens Was.
  pose proof (fun s one => rows_after d what d' o s one M) as RowsAfter.
  pose proof (fun t one => tokens_after d what d' o t one M) as TokensAfter.
  assert (Before : (In e h /\ made g at_ uses life given subject h)
    \/ (e = Event (now d) what o /\ made g at_ uses life given subject h)).
  { destruct Is as [Is | Is].
    - right. split; auto. eapply made_earlier; eauto. subst e. simpl in *. intros ->. discriminate.
    - left. split; auto. eapply made_earlier; eauto. simpl. intros ->.
      destruct (opened_below _ _ _ _ _ Num Is Opens).
      inversion M; subst; try (simpl in *; tauto). lia. }
  destruct Before as [[Is' Was'] | [-> Was']].
  - destruct (Kept _ _ _ _ _ _ _ _ Is' Opens Was') as [Rows Tokens].
    destruct (opened_below _ _ _ _ _ Num Is' Opens) as [_ Below].
    split.
    + intros one Has. apply RowsAfter in Has. destruct Has as [(b & Had & F) | (-> & _)]; [| lia].
      destruct F as (_ & _ & _ & _ & Less & _). eapply within_trans; eauto.
    + intros t one Has Mine. apply TokensAfter in Has. destruct Has as [Has | [_ Comes]]; eauto.
      destruct Comes as [g' from_ Opens' Found Says | s' row Found Live Soon Says | t' who Good O Se Al Ab Ex].
      * rewrite Says in Mine. simpl in Mine. lia.
      * rewrite Says in *. simpl in *. subst. apply get_in in Found. eauto.
      * rewrite Al. apply good_token_is in Good. destruct Good as (old & Had & Se' & _ & _ & Less & _).
        eapply within_trans; eauto. eapply Tokens; eauto. congruence.
  - simpl in Opens. destruct (Grants _ _ _ _ _ _ Was') as [_ Each].
    assert (New : s = next_session d /\ exists from_, get g (grants d) = Some from_).
    { inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; try discriminate.
      - destruct o; try discriminate. destruct what0; try discriminate. destruct Silent.
      - inversion J; subst; try discriminate. simpl in Opens. inversion Opens; subst. eauto. }
    destruct New as (-> & from_ & Found). pose proof (Each _ (get_in _ _ _ Found)) as (_ & Carries & _).
    split.
    + intros one Has. apply RowsAfter in Has. destruct Has as [(b & Had & _) | (_ & g' & f' & Opens' & Found' & ->)].
      * apply (rows_below _ _ Num) in Had. lia.
      * rewrite Opens in Opens'. inversion Opens'; subst. rewrite Found in Found'. inversion Found'; subst.
        simpl. apply within_refl.
    + intros t one Has Mine. apply TokensAfter in Has. destruct Has as [Has | [_ Comes]].
      * apply (tokens_below _ _ Num) in Has. lia.
      * destruct Comes as [g' f' Opens' Found' Says | s' row Found' Live Soon Says | t' who Good O Se Al Ab Ex].
        -- rewrite Says. rewrite Opens in Opens'. inversion Opens'; subst. rewrite Found in Found'.
           inversion Found'; subst. simpl. apply within_refl.
        -- rewrite Says in Mine. simpl in Mine. subst. apply get_in in Found'.
           apply (rows_below _ _ Num) in Found'. lia.
        -- apply good_token_is in Good. destruct Good as (old & Had & Se' & _).
           apply (tokens_below _ _ Num) in Had. lia.
Qed.

(* A grant that was revoked stays so. *)
Definition ungranted_kept (d : door) (h : history) : Prop :=
  forall e g, In e h -> op e = RevokeGrant g -> came e = Finished ->
    g < next_grant d /\ forall one, In (g, one) (grants d) -> grant_revoked one = true.

Lemma ungranted_kept_step d h what d' o :
  numbered d h -> ungranted_kept d h -> moved d what d' o -> ungranted_kept d' (Event (now d) what o :: h).
Proof.
  intros Num Kept M e g Is Op Came. destruct (moved_grows _ _ _ _ M) as (Grows & _).
  destruct Is as [Is | Is].
  - subst e. simpl in *. subst. inversion M; subst; try (simpl in *; tauto).
    match goal with F : get g (grants d) = Some _ |- _ => apply get_in, (grants_below _ _ Num) in F end.
    split; [lia |].
    simpl. intros one' Is. apply in_update in Is. destruct Is as [old [_ ->]]. rewrite N.eqb_refl. reflexivity.
  - destruct (Kept _ _ Is Op Came) as [Below All]. split; [lia |]. intros one Has.
    destruct M as [what d' o Core Later' Silent | | |
        uses life given how' subject issuer made_ Issued | g' had Found | which
        | which most | what d' v J Rd | what t0 said ahead next U Good' Re];
      simpl in Has; eauto.
    + destruct Core as (Same & _). rewrite Same in Has. eauto.
    + apply in_keep in Has. destruct Has. eauto.
    + destruct Has as [Has | Has]; eauto. inversion Has. lia.
    + apply in_update in Has. destruct Has as [old [Has ->]]. destruct (g' =? g); eauto.
    + inversion J; subst; try (simpl in Rd; tauto); simpl in Has; eauto.
      apply in_update in Has. destruct Has as [old [Has ->]].
      destruct (N.eqb_spec g0 g) as [-> | Other]; eauto.
      exfalso. apply get_in, All in H1.
      pose proof (redeem_opens _ _ _ _ _ _ H2) as (Not & _). congruence.
Qed.

(* Whatever is there was made: sessions by redemptions, of grants that somebody made. *)
Definition was_made (g : N) (h : history) : Prop :=
  exists at_ uses life given subject, made g at_ uses life given subject h.

Definition was_bought (s : N) (h : history) : Prop :=
  exists e g, In e h /\ opened_by (came e) = Some (g, s) /\ was_made g h.

Record bought_kept (d : door) (h : history) : Prop := {
  grants_made : forall g one, In (g, one) (grants d) -> was_made g h;
  rows_bought : forall s one, In (s, one) (rows d) -> was_bought s h;
  tokens_bought : forall t one, In (t, one) (tokens d) -> was_bought (session (says one)) h;
}.

Lemma was_made_later g e h : was_made g h -> was_made g (e :: h).
Proof. intros (at_ & uses & life & given & subject & how & issuer & Is). do 7 eexists. right. exact Is. Qed.

Lemma was_bought_later s e h : was_bought s h -> was_bought s (e :: h).
Proof.
  intros (e' & g & Is & Opens & Made). exists e', g. simpl. auto using was_made_later.
Qed.

Lemma bought_kept_step d h what d' o :
  bought_kept d h -> moved d what d' o -> bought_kept d' (Event (now d) what o :: h).
Proof.
  intros [G R T] M.
  assert (New : forall g from_ s, opened_by o = Some (g, s) -> get g (grants d) = Some from_ ->
    was_bought s (Event (now d) what o :: h)).
  { intros g from_ s Opens Found. exists (Event (now d) what o), g. simpl. split; auto. split; auto.
    eapply was_made_later, G, get_in; eauto. }
  constructor.
  - intros g one Is.
    destruct M as [what d' o Core Later' Silent | | |
        uses life given how' subject issuer made_ Issued | g' had Found | which
        | which most | what d' v J Rd | what t0 said ahead next U Good' Re];
      simpl in Is; try (apply was_made_later; eapply G; eauto; fail).
    + destruct Core as (Same & _). rewrite Same in Is. apply was_made_later. eauto.
    + apply in_keep in Is. apply was_made_later. destruct Is. eauto.
    + destruct Is as [Is | Is]; [| apply was_made_later; eauto].
      inversion Is; subst. do 7 eexists. left. reflexivity.
    + apply in_update in Is. destruct Is as [old [Is _]]. apply was_made_later. eauto.
    + inversion J; subst; try (simpl in Rd; tauto); simpl in Is.
      * apply in_update in Is. destruct Is as [old [Is _]]. apply was_made_later. eauto.
      * apply was_made_later. eauto.
  - intros s one Is. apply (rows_after _ _ _ _ _ _ M) in Is.
    destruct Is as [(b & Was & _) | (-> & g & from_ & Opens & Found & _)]; eauto using was_bought_later.
  - intros t one Is. apply (tokens_after _ _ _ _ _ _ M) in Is.
    destruct Is as [Is | [_ Comes]]; eauto using was_bought_later.
    destruct Comes as [g from_ Opens Found Says | s' row Found Live Soon Says | t' who Good O Se Al Ab Ex].
    + rewrite Says. simpl. eauto.
    + rewrite Says. simpl. eapply was_bought_later, R, get_in; eauto.
    + rewrite Se. apply good_token_is in Good. destruct Good as (old & Had & -> & _).
      eauto using was_bought_later.
Qed.

(* Keys: none signs that is not the ring's, and no id comes twice. *)
Record keys_kept (d : door) : Prop := {
  ids_below : forall one, In one (masters (ring d)) -> id_of one <= last_id (ring d);
  signed_below : forall t one, In (t, one) (tokens d) -> signed_by one <= last_id (ring d);
}.

Definition ring_follows (before after : keys) : Prop :=
  last_id before <= last_id after
  /\ forall one, In one (masters after) -> In one (masters before) \/ last_id before < id_of one <= last_id after.

Lemma ring_same before : ring_follows before before.
Proof. split; auto. lia. Qed.

Lemma outlived_in at_ all one : In one (outlived at_ all) -> In one all.
Proof.
  induction all as [| first rest IH]; simpl; auto. destruct rest as [| next more]; auto.
  destruct (_ <=? at_); auto.
Qed.

Lemma door_step_ring d what d' o :
  exceptions_known d -> door_step d what = (d', o) ->
  set d' = set d /\ ring_follows (ring d) (ring d')
  /\ (what = Replace -> o <> Exhausted -> forall one, In one (masters (ring d')) -> last_id (ring d) < id_of one).
Proof.
  intros Known H.
  assert (Same : set d' = set d -> ring d' = ring d -> what <> Replace ->
    set d' = set d /\ ring_follows (ring d) (ring d')
    /\ (what = Replace -> o <> Exhausted -> forall one, In one (masters (ring d')) -> last_id (ring d) < id_of one)).
  { intros S R Not. rewrite R. split; auto. split; [apply ring_same | congruence]. }
  assert (Judged : forall b v, judged d b d' v -> set d' = set d /\ ring d' = ring d).
  { intros b v J. inversion J; subst; auto. }
  destruct what; simpl in H;
    try (inversion H; subst; apply Same; [reflexivity | reflexivity | discriminate]).
  - unfold change_keys, rotate in H. destruct (last_id (ring d) <? 255); inversion H; subst; simpl;
      (split; [reflexivity |]; split; [| congruence]); [| apply ring_same].
    split; simpl; [lia |]. intros one Is. apply in_app_or in Is. destruct Is as [| [<- | []]]; auto.
    right. simpl. lia.
  - unfold change_keys, replace in H. destruct (last_id (ring d) <? 255); inversion H; subst; simpl;
      (split; [reflexivity |]; split; [| intros _ Not]); try apply ring_same; try congruence.
    + split; simpl; [lia |]. intros one [<- | []]. right. simpl. lia.
    + intros one [<- | []]. simpl. lia.
  - inversion H; subst. simpl. split; auto. split; [| congruence]. split; simpl; [lia |].
    intros one Is. left. eapply outlived_in; eauto.
  - unfold make_grant in H. destruct (issue_grant _ _ _ _ _ _ _); [destruct (_ <=? _) |];
      inversion H; subst; apply Same; reflexivity || discriminate.
  - destruct (get g (grants d)); inversion H; subst; apply Same; reflexivity || discriminate.
  - unfold change_workspaces in H. destruct (create _ _); inversion H; subst; apply Same; reflexivity || discriminate.
  - unfold change_workspaces in H. destruct (place_anew _ _); inversion H; subst; apply Same; reflexivity || discriminate.
  - unfold change_workspaces in H. destruct (delete _ _); inversion H; subst; apply Same; reflexivity || discriminate.
  - unfold change_workspaces in H. destruct (admit_member _ _ _ _); inversion H; subst; apply Same; reflexivity || discriminate.
  - unfold change_workspaces in H. destruct (expel _ _ _); inversion H; subst; apply Same; reflexivity || discriminate.
  - unfold decided in H. destruct (decide d r) as [d'' v] eqn:D. inversion H; subst. simpl in *.
    destruct (Judged _ _ (decide_judged _ _ _ _ Known D)). apply Same; auto. discriminate.
  - destruct (decide d r) as [d'' v] eqn:D. pose proof (decide_judged _ _ _ _ Known D) as J.
    destruct v; try (unfold decided in H; inversion H; subst; simpl in *; destruct (Judged _ _ J);
      apply Same; auto; discriminate).
    destruct who as [said |].
    + inversion J; subst. unfold renew in H.
      destruct (renewal _ _ _); inversion H; subst; apply Same; reflexivity || discriminate.
    + inversion J; subst. inversion H; subst. apply Same; reflexivity || discriminate.
  - unfold decided in H. destruct (decide_hello d h) as [d'' v] eqn:D. inversion H; subst. simpl in *.
    destruct (Judged _ _ (decide_hello_judged _ _ _ _ Known D)). apply Same; auto. discriminate.
Qed.

Lemma tokens_signed d what d' o t after :
  moved d what d' o -> In (t, after) (tokens d') ->
  In (t, after) (tokens d) \/ exists at_, signed_by after = signing (ring d) at_.
Proof.
  intros M Is.
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t0 said ahead next U Good Re];
    try (left; exact Is).
  - left. destruct Core as (_ & _ & _ & _ & Tokens & _). rewrite Tokens in Is. auto.
  - inversion J; subst; try (simpl in Rd; tauto); simpl in Is; destruct Is as [Is | Is]; auto; right;
      inversion Is; subst; simpl; eauto.
  - simpl in Is. destruct Is as [Is | Is]; auto. right. inversion Is; subst. simpl. eauto.
Qed.

Lemma signing_below ring_ at_ :
  (forall one, In one (masters ring_) -> id_of one <= last_id ring_) -> signing ring_ at_ <= last_id ring_.
Proof.
  intros Below. unfold signing. destruct (find _ _) as [started |] eqn:Found.
  - apply find_some in Found. destruct Found as [Is _]. apply in_rev in Is. auto.
  - destruct ring_ as [[| first rest] last]; simpl in *; [lia |]. auto.
Qed.

Lemma keys_kept_step d what d' o :
  exceptions_known d -> keys_kept d -> door_step d what = (d', o) -> keys_kept d'.
Proof.
  intros Known [Ids Signed] H.
  destruct (door_step_ring _ _ _ _ Known H) as (_ & (Grows & From) & _).
  constructor.
  - intros one Is. apply From in Is. destruct Is as [Is | Is]; [apply Ids in Is; lia | lia].
  - intros t one Is. apply door_step_moves in H; auto. apply (tokens_signed _ _ _ _ _ _ H) in Is.
    destruct Is as [Is | [at_ ->]]; [apply Signed in Is; lia |].
    pose proof (signing_below (ring d) at_ Ids). lia.
Qed.

(* All of it, in every world that is reached. *)
Record holds (chosen : settings) (d : door) (h : history) : Prop := {
  as_chosen : set d = chosen;
  in_order : lives_in_order d;
  numbers : numbered d h;
  rows_once : distinct (rows d);
  uses_hold : grants_kept d h;
  nonces_hold : nonces_kept d h;
  ends_hold : ends_kept d h;
  revoked_hold : revoked_kept d h;
  limited_hold : limited_kept d h;
  caps_hold : caps_kept d h;
  ungranted_hold : ungranted_kept d h;
  bought_hold : bought_kept d h;
  keys_hold : keys_kept d;
}.

Lemma opened_holds chosen : sound chosen -> holds chosen (opened chosen) [].
Proof.
  intros Sound. constructor; try (constructor; simpl; try tauto; fail);
    try (intros ? ? ? ? ? ? (? & ? & []));
    try (repeat intro; match goal with Is : In _ [] |- _ => destruct Is end);
    try reflexivity.
  - exact Sound.
  - constructor; simpl; try tauto. unfold exceptions_known. simpl. tauto.
  - constructor; simpl; try tauto. intros one [<- | []]. simpl. lia.
Qed.

Lemma world_ring w what w' o :
  exceptions_known (the_door w) -> step w what = (w', o) ->
  set (the_door w') = set (the_door w) /\ ring_follows (ring (the_door w)) (ring (the_door w'))
  /\ (what = Replace -> o <> Exhausted ->
      forall one, In one (masters (ring (the_door w'))) -> last_id (ring (the_door w)) < id_of one)
  /\ (keys_kept (the_door w) -> keys_kept (the_door w')).
Proof.
  intros Known H. destruct what; cbn [step] in H;
    try (match type of H with context [door_step ?d ?what] =>
      destruct (door_step d what) as [d' o'] eqn:S end;
      inversion H; subst; simpl;
      pose proof (door_step_ring _ _ _ _ Known S) as (Set_ & Ring & Replaced);
      split; [exact Set_ |]; split; [exact Ring |]; split; [exact Replaced |];
      intros Kept; eapply keys_kept_step; eauto; fail).
  destruct (room_step _ _ _) as [r said]. inversion H; subst. simpl.
  split; auto. split; [apply ring_same |]. split; [congruence | auto].
Qed.

Lemma step_holds chosen w h what w' o :
  holds chosen (the_door w) h -> step w what = (w', o) ->
  holds chosen (the_door w') (Event (now (the_door w)) what o :: h).
Proof.
  intros [As Order Num Dis Uses_ Nonces Ends Rev Lim Caps_ Un Bought Keys_] H.
  pose proof (step_moves _ _ _ _ (exceptions_below _ _ Num) H) as M.
  destruct (world_ring _ _ _ _ (exceptions_below _ _ Num) H) as (Set_ & _ & _ & Kept).
  constructor; eauto using numbered_step, rows_distinct_step, grants_kept_step, nonces_kept_step,
    ends_kept_step, revoked_kept_step, limited_kept_step, caps_kept_step, ungranted_kept_step,
    bought_kept_step.
  - congruence.
  - unfold lives_in_order in *. rewrite Set_. exact Order.
Qed.

Theorem reached_holds chosen w h : reached chosen w h -> holds chosen (the_door w) h.
Proof.
  intros R. induction R as [Sound | w h what w' o R IH H].
  - apply opened_holds. exact Sound.
  - eapply step_holds; eauto.
Qed.

(* Whose a session is: of the subject that its grant was made for. *)

Lemma rows_subject d what d' o s after :
  moved d what d' o -> In (s, after) (rows d') ->
  (exists before, In (s, before) (rows d) /\ row_subject after = row_subject before) \/ bought_row d o s after.
Proof.
  intros M Is.
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t said ahead next U Good Re];
    try (left; exists after; split; [exact Is | reflexivity]).
  - left. exists after. destruct Core as (_ & _ & Rows & _). rewrite Rows in Is. auto.
  - left. exists after. simpl in Is. apply in_keep in Is. tauto.
  - left. simpl in Is. apply in_update_all in Is; [| apply revoke_row_twice].
    destruct Is as [old [Is How]]. exists old. split; auto. destruct How as [[_ ->] | [_ ->]]; reflexivity.
  - left. simpl in Is. apply in_update_all in Is; [| apply limit_row_twice].
    destruct Is as [old [Is How]]. exists old. split; auto. destruct How as [[_ ->] | [_ ->]]; reflexivity.
  - inversion J; subst; try (simpl in Rd; tauto); simpl in Is.
    + destruct Is as [Is | Is]; [| left; eauto]. inversion Is; subst. right. split; auto. exists g, one. auto.
    + left. eauto.
  - left. simpl in Is. apply in_update in Is. destruct Is as [old [Is ->]]. exists old. split; auto.
    destruct (_ =? s); auto. unfold extend. destruct (row_revoked old); reflexivity.
Qed.

Lemma stand_subject f n k said stood : stand f n k said = Yes stood -> subject stood = subject said.
Proof.
  unfold stand. intros S. apply then_yes in S. destruct S as [? [_ S]].
  destruct (get _ _) as [[[| most] u] |] in S; inversion S; reflexivity.
Qed.

Lemma tokens_subject d what d' o t after :
  moved d what d' o -> In (t, after) (tokens d') ->
  (exists u old, In (u, old) (tokens d) /\ session (says after) = session (says old)
     /\ subject (says after) = subject (says old))
  \/ (exists one, In (session (says after), one) (rows d') /\ subject (says after) = row_subject one).
Proof.
  intros M Is.
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t0 said ahead next U Good Re];
    try (left; exists t, after; split; [exact Is | auto]).
  - left. destruct Core as (_ & _ & _ & _ & Tokens & _). rewrite Tokens in Is. eauto.
  - inversion J; subst; try (simpl in Rd; tauto); simpl in Is; (destruct Is as [Is | Is]; [| left; eauto]); right;
      inversion Is; subst; simpl.
    + eexists. split; [left; reflexivity | reflexivity].
    + eexists. split; [apply get_in; eauto | reflexivity].
  - simpl in Is. destruct Is as [Is | Is]; [| left; eauto]. left. inversion Is; subst. simpl.
    destruct Good as (old & Has & _ & _ & _ & _ & Stands). exists t0, old. split; [apply get_in; auto |].
    pose proof (stand_subject _ _ _ _ _ Stands). apply stand_same in Stands. destruct Stands as (Same & _).
    unfold renewal in Re. destruct (_ && _ && _)%bool in Re; [| discriminate]. inversion Re; subst. simpl. split; congruence.
Qed.

Definition subjects_kept (d : door) (h : history) : Prop :=
  forall e g s at_ uses life given who,
    In e h -> opened_by (came e) = Some (g, s) -> made g at_ uses life given who h ->
    (forall one, In (s, one) (rows d) -> row_subject one = who)
    /\ (forall t one, In (t, one) (tokens d) -> session (says one) = s -> subject (says one) = who).

Lemma subjects_kept_step d h what d' o :
  numbered d h -> grants_kept d h -> subjects_kept d h -> moved d what d' o ->
  subjects_kept d' (Event (now d) what o :: h).
Proof.
  intros Num Grants Kept M e g s at_ uses life given who Is Opens Was.
  pose proof (fun s one => rows_subject d what d' o s one M) as RowsAfter.
  pose proof (fun t one => tokens_subject d what d' o t one M) as TokensAfter.
  assert (Before : (In e h /\ made g at_ uses life given who h)
    \/ (e = Event (now d) what o /\ made g at_ uses life given who h)).
  { destruct Is as [Is | Is].
    - right. split; auto. eapply made_earlier; eauto. subst e. simpl in *. intros ->. discriminate.
    - left. split; auto. eapply made_earlier; eauto. simpl. intros ->.
      destruct (opened_below _ _ _ _ _ Num Is Opens).
      inversion M; subst; try (simpl in *; tauto). lia. }
  assert (Rows : forall one, In (s, one) (rows d') -> row_subject one = who).
  { destruct Before as [[Is' Was'] | [-> Was']].
    - destruct (Kept _ _ _ _ _ _ _ _ Is' Opens Was') as [Rows _].
      destruct (opened_below _ _ _ _ _ Num Is' Opens) as [_ Below].
      intros one Has. apply RowsAfter in Has. destruct Has as [(b & Had & ->) | (-> & _)]; [eauto | lia].
    - simpl in Opens. intros one Has. apply RowsAfter in Has.
      destruct Has as [(b & Had & _) | (_ & g' & f' & Opens' & Found' & ->)].
      + exfalso. apply (rows_below _ _ Num) in Had.
        inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; try discriminate.
        * destruct o; try discriminate. destruct what0; try discriminate. destruct Silent.
        * inversion J; subst; try discriminate. simpl in Opens. inversion Opens; subst. lia.
      + rewrite Opens in Opens'. inversion Opens'; subst. destruct (Grants _ _ _ _ _ _ Was') as [_ Each].
        destruct (Each _ (get_in _ _ _ Found')) as (_ & _ & <- & _). reflexivity. }
  split; auto. intros t one Has Mine. apply TokensAfter in Has.
  destruct Has as [(u & old & Had & Same & ->) | (row & Has & ->)]; [| subst; eauto].
  destruct Before as [[Is' Was'] | [-> Was']].
  - destruct (Kept _ _ _ _ _ _ _ _ Is' Opens Was') as [_ Tokens]. eapply Tokens; eauto. congruence.
  - exfalso. simpl in Opens. apply (tokens_below _ _ Num) in Had.
    inversion M as [? ? ? _ _ Silent | | | | | | | what' d'' v J Rd |]; subst; try discriminate.
    + destruct o; try discriminate. destruct what0; try discriminate. destruct Silent.
    + inversion J; subst; try discriminate. simpl in Opens. inversion Opens; subst. lia.
Qed.

(* Every token that may still be good is of a session in the store. *)

Definition tokens_have_rows (d : door) : Prop := forall t one, In (t, one) (tokens d) ->
  now d < absolute_end (says one) -> exists row, In (session (says one), row) (rows d).

Lemma tokens_have_rows_step d h what d' o :
  ends_kept d h -> tokens_have_rows d -> moved d what d' o -> tokens_have_rows d'.
Proof.
  intros Ends Have M t after Is Soon.
  pose proof (moved_grows _ _ _ _ M) as (_ & _ & _ & Later_).
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t0 said ahead next U Good Re];
    try (exact (Have t after Is Soon)).
  - destruct Core as (_ & _ & Rows & _ & Tokens & _). rewrite Rows. rewrite Tokens in Is. eapply Have; eauto. lia.
  - simpl in *. destruct (Have t after Is Soon) as [row Has]. exists row.
    destruct (token_row _ _ Ends _ _ _ Is Has) as [Same _].
    unfold keep. apply filter_In. split; auto. simpl. apply N.ltb_lt. rewrite Same in Soon.
    unfold floor_second. pose proof (N.div_mod (row_absolute row + 999) 1000 ltac:(lia)).
    pose proof (N.mod_lt (row_absolute row + 999) 1000 ltac:(lia)). lia.
  - simpl in *. destruct (Have t after Is Soon) as [row Has]. eapply in_update_all_keeps; eauto.
  - simpl in *. destruct (Have t after Is Soon) as [row Has]. eapply in_update_all_keeps; eauto.
  - inversion J; subst; try (simpl in Rd; tauto); simpl in *; (destruct Is as [Is | Is];
      [inversion Is; subst; simpl |]).
    + eauto.
    + destruct (Have t after Is Soon) as [row Has]. eauto.
    + exists row. apply get_in. auto.
    + destruct (Have t after Is Soon) as [row0 Has]. eauto.
  - simpl in *. destruct Is as [Is | Is].
    + inversion Is; subst. simpl in *. apply renewal_is in Re. destruct Re as (Same & _ & End & _).
      apply good_token_is in Good. destruct Good as (one & Has & Se & _ & End' & _).
      destruct (Have _ _ Has ltac:(congruence || lia)) as [row Has']. rewrite Same, Se.
      eapply in_update_keeps; eauto.
    + destruct (Have t after Is Soon) as [row Has]. eapply in_update_keeps; eauto.
Qed.

(* And every session that is revoked there was named by a revocation. *)

Definition revoked_were_named (d : door) (h : history) : Prop := forall s one,
  In (s, one) (rows d) -> row_revoked one = true ->
  exists e sessions, In e h /\ came e = RevokedAll sessions /\ In s sessions.

Lemma revoked_were_named_step d h what d' o :
  revoked_were_named d h -> moved d what d' o -> revoked_were_named d' (Event (now d) what o :: h).
Proof.
  intros Named M s after Is Rev.
  assert (Old : forall one, In (s, one) (rows d) -> row_revoked one = true ->
    exists e sessions, In e (Event (now d) what o :: h) /\ came e = RevokedAll sessions /\ In s sessions).
  { intros one Has R. destruct (Named _ _ Has R) as (e & ss & A & B & C). exists e, ss. split; [right |]; auto. }
  destruct M as [what d' o Core Later Silent | | |
      uses life given how subject issuer one Issued | g one Found | which
      | which most | what d' v J Rd | what t0 said ahead next U Good Re];
    try (exact (Old _ Is Rev)).
  - destruct Core as (_ & _ & Rows & _). rewrite Rows in Is. eauto.
  - simpl in Is. apply in_keep in Is. destruct Is. eauto.
  - simpl in Is. apply in_update_all in Is; [| apply revoke_row_twice].
    destruct Is as [old [Is [[Picked ->] | [_ ->]]]]; eauto. eexists. eexists. split; [left; reflexivity |]. split; [reflexivity | exact Picked].
  - simpl in Is. apply in_update_all in Is; [| apply limit_row_twice].
    destruct Is as [old [Is [[_ ->] | [_ ->]]]]; eauto.
  - inversion J; subst; try (simpl in Rd; tauto); simpl in Is; eauto.
    destruct Is as [Is | Is]; eauto. inversion Is; subst. discriminate.
  - simpl in Is. apply in_update in Is. destruct Is as [old [Is ->]].
    apply (Old _ Is). destruct (_ =? s); auto. unfold extend in Rev. destruct (row_revoked old) eqn:E; auto.
Qed.
