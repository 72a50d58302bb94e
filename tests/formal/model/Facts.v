(* What tables and sets of capabilities do: lemmas, for the theorems. *)

From Doorward Require Import Base.

Lemma get_in {A} key (entries : table A) value : get key entries = Some value -> In (key, value) entries.
Proof.
  induction entries as [| [found one] rest IH]; simpl; [discriminate |].
  destruct (N.eqb_spec key found); intros H; [inversion H; subst; auto | auto].
Qed.

Lemma in_update {A} key change (entries : table A) k v :
  In (k, v) (update key change entries) ->
  exists old, In (k, old) entries /\ v = if key =? k then change old else old.
Proof.
  unfold update. intros H. apply in_map_iff in H. destruct H as [[found old] [Same Was]]. simpl in Same.
  exists old. destruct (key =? found) eqn:Which; inversion Same; subst; rewrite Which; auto.
Qed.

Lemma in_remove {A} key (entries : table A) k v : In (k, v) (remove key entries) -> In (k, v) entries /\ k <> key.
Proof.
  unfold remove. intros H. apply filter_In in H. destruct H as [Was Other]. simpl in Other.
  split; auto. destruct (N.eqb_spec key k); simpl in *; congruence.
Qed.

Lemma in_put {A} key value (entries : table A) k v :
  In (k, v) (put key value entries) -> (k = key /\ v = value) \/ (In (k, v) entries /\ k <> key).
Proof.
  unfold put. intros [Same | Was]; [inversion Same; auto | right; apply in_remove; auto].
Qed.

Lemma in_keep {A} wanted (entries : table A) k v :
  In (k, v) (keep wanted entries) -> In (k, v) entries /\ wanted v = true.
Proof. unfold keep. intros H. apply filter_In in H. auto. Qed.

Lemma get_remove_other {A} key k (entries : table A) : k <> key -> get k (remove key entries) = get k entries.
Proof.
  intros Other. induction entries as [| [found one] rest IH]; simpl; auto.
  destruct (N.eqb_spec key found); simpl.
  - subst. destruct (N.eqb_spec k found); congruence.
  - destruct (N.eqb_spec k found); auto.
Qed.

Lemma get_put {A} key value k (entries : table A) :
  get k (put key value entries) = if k =? key then Some value else get k entries.
Proof.
  unfold put. simpl. destruct (N.eqb_spec k key); auto. apply get_remove_other; auto.
Qed.

Lemma get_keep {A} wanted key (entries : table A) value :
  get key entries = Some value -> wanted value = true -> get key (keep wanted entries) = Some value.
Proof.
  intros Found Wanted. induction entries as [| [k one] rest IH]; simpl in *; [discriminate |].
  destruct (N.eqb_spec key k).
  - inversion Found; subst. rewrite Wanted. simpl. rewrite N.eqb_refl. auto.
  - destruct (wanted one); simpl; auto. destruct (N.eqb_spec key k); congruence || auto.
Qed.

Lemma get_none {A} key (entries : table A) : (forall value, ~ In (key, value) entries) -> get key entries = None.
Proof.
  intros Absent. destruct (get key entries) eqn:Found; auto. apply get_in in Found.
  exfalso. eapply Absent; eauto.
Qed.

Lemma get_update {A} key change k (entries : table A) :
  get k (update key change entries) =
    if key =? k then option_map change (get k entries) else get k entries.
Proof.
  induction entries as [| [found one] rest IH]; simpl; [destruct (key =? k); auto |].
  destruct (N.eqb_spec key found); simpl; destruct (N.eqb_spec k found); subst.
  - rewrite N.eqb_refl. auto.
  - rewrite IH; auto.
  - destruct (N.eqb_spec key found); congruence.
  - rewrite IH; auto.
Qed.

(* Sets of capabilities. *)
Definition within (one other : caps) : Prop := contains other one = true.

Lemma within_bits one other :
  within one other <-> forall i, N.testbit one i = true -> N.testbit other i = true.
Proof.
  unfold within, contains, without. rewrite N.eqb_eq. split.
  - intros None i Held.
    assert (Bit : N.testbit (N.ldiff one other) i = false) by (rewrite None; apply N.bits_0).
    rewrite N.ldiff_spec, Held in Bit. simpl in Bit. destruct (N.testbit other i); auto.
  - intros Bits. apply N.bits_inj. intros i. rewrite N.bits_0, N.ldiff_spec.
    destruct (N.testbit one i) eqn:Held; auto. rewrite (Bits i Held). auto.
Qed.

Lemma within_refl one : within one one.
Proof. apply within_bits; auto. Qed.

Lemma within_trans one other third : within one other -> within other third -> within one third.
Proof. rewrite !within_bits. auto. Qed.

Lemma common_left one other : within (common one other) one.
Proof.
  apply within_bits. intros i. unfold common. rewrite N.land_spec. intros H.
  apply andb_true_iff in H. tauto.
Qed.

Lemma common_right one other : within (common one other) other.
Proof.
  apply within_bits. intros i. unfold common. rewrite N.land_spec. intros H.
  apply andb_true_iff in H. tauto.
Qed.

(* What steps that may refuse come to. *)
Lemma then_yes {A B} (first : result A) (next : A -> result B) value :
  andThen first next = Yes value -> exists found, first = Yes found /\ next found = Yes value.
Proof. destruct first; simpl; [eauto | discriminate]. Qed.

Lemma check_yes passes why value : check passes why = Yes value -> passes = true.
Proof. unfold check. destruct passes; auto; discriminate. Qed.

(* The same change to several entries. *)
Lemma in_get {A} key (entries : table A) value : In (key, value) entries -> exists found, get key entries = Some found.
Proof.
  induction entries as [| [k one] rest IH]; simpl; [tauto |]. intros [Is | Is].
  - inversion Is; subst. rewrite N.eqb_refl. eauto.
  - destruct (N.eqb_spec key k); eauto.
Qed.

Lemma in_update_all {A} (change : A -> A) picked :
  (forall one, change (change one) = change one) ->
  forall entries k v, In (k, v) (fold_left (fun all s => update s change all) picked entries) ->
  exists old, In (k, old) entries /\ ((In k picked /\ v = change old) \/ (~ In k picked /\ v = old)).
Proof.
  intros Twice. induction picked as [| s more IH]; simpl; intros entries k v H; [exists v; auto |].
  apply IH in H. destruct H as [old [Is How]]. apply in_update in Is. destruct Is as [older [Is Which]].
  exists older. split; auto. destruct (N.eqb_spec s k); subst.
  - left. split; auto. destruct How as [[_ ->] | [_ ->]]; auto.
  - destruct How as [[? ->] | [? ->]]; [left | right]; split; auto. intros [|]; auto.
Qed.

(* Tables in which no number stands twice. *)
Definition distinct {A} (entries : table A) : Prop := NoDup (map fst entries).

Lemma distinct_in {A} (entries : table A) k one other :
  distinct entries -> In (k, one) entries -> In (k, other) entries -> one = other.
Proof.
  unfold distinct. induction entries as [| [k' v] rest IH]; simpl; [tauto |]. intros D Is1 Is2.
  inversion D as [| ? ? Not D']; subst.
  destruct Is1 as [Is1 | Is1], Is2 as [Is2 | Is2]; try (inversion Is1; subst); try (inversion Is2; subst); auto;
    exfalso; apply Not; eapply (in_map fst) in Is1 || eapply (in_map fst) in Is2; eauto.
Qed.

Lemma distinct_update {A} key change (entries : table A) : distinct entries -> distinct (update key change entries).
Proof.
  unfold distinct, update. rewrite map_map.
  assert (Same : forall e : N * A, fst (if key =? fst e then (fst e, change (snd e)) else e) = fst e)
    by (intros e; destruct (key =? fst e); reflexivity).
  rewrite (map_ext _ fst Same). auto.
Qed.

Lemma distinct_update_all {A} (change : A -> A) picked : forall entries,
  distinct entries -> distinct (fold_left (fun all s => update s change all) picked entries).
Proof. induction picked; simpl; auto using distinct_update. Qed.

Lemma distinct_keep {A} wanted (entries : table A) : distinct entries -> distinct (keep wanted entries).
Proof.
  unfold distinct, keep. induction entries as [| [k v] rest IH]; simpl; auto. intros D.
  inversion D as [| ? ? Not D']; subst. destruct (wanted v); simpl; auto. constructor; auto.
  intros Is. apply Not. apply in_map_iff in Is. destruct Is as [e [Same Is]]. apply filter_In in Is.
  apply in_map_iff. exists e. tauto.
Qed.

Lemma distinct_cons {A} key value (entries : table A) :
  (forall other, ~ In (key, other) entries) -> distinct entries -> distinct ((key, value) :: entries).
Proof.
  unfold distinct. intros Not D. simpl. constructor; auto. intros Is. apply in_map_iff in Is.
  destruct Is as [[k v] [Same Is]]. simpl in Same. subst. eapply Not; eauto.
Qed.

Lemma in_update_keeps {A} key change (entries : table A) k v :
  In (k, v) entries -> exists after, In (k, after) (update key change entries).
Proof.
  intros Is. exists (if key =? k then change v else v). unfold update. apply in_map_iff.
  exists (k, v). split; auto. simpl. destruct (key =? k); reflexivity.
Qed.

Lemma in_update_all_keeps {A} (change : A -> A) picked : forall entries k v,
  In (k, v) entries -> exists after, In (k, after) (fold_left (fun all s => update s change all) picked entries).
Proof.
  induction picked as [| s more IH]; simpl; [eauto |]. intros entries k v Is.
  apply (in_update_keeps s change) in Is. destruct Is as [after Is]. eauto.
Qed.
