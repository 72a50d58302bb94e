(* Traces that reach what the theorems speak of: each is carried out by Coq itself. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room Door.
From Doorward Require Import Facts Decides Checks Answers Invariants Rooms Later Theorems.

(** [run] comes to nothing but worlds that are reached, with their history. *)
Lemma run_reaches chosen all : forall w h w' h',
  reached chosen w h -> run w all h = (w', h') -> reached chosen w' h'.
Proof.
  induction all as [| what rest IH]; simpl; intros w h w' h' R H; [inversion H; subst; auto |].
  destruct (step w what) as [w1 o] eqn:S. eapply IH; [| exact H]. eapply and_then; eauto.
Qed.

(* A door with ten minutes of idle life and an hour in all, that asks for [operate]. *)
Definition usual : settings := {|
  life := Lifetimes 600000 3600000; limit := Limits 10 100 16; most_sessions := 8; most_grants := 8;
  freshness := 5000; begins := 1700000000000; exposed := Loopback; unguarded := false;
  service_workers := false; rule_all := Some operate; rule_a := None; rule_b := None; rule_c := None;
|}.

Definition bootstrap (g n : N) : operation := Requests {|
  peer := 0; tls := false; shaped := Fine; host_of := Localhost; to := Bootstrap; by_verb := Post;
  upgrades := NoUpgrade; worker := false; from := OwnOrigin; fetched := NoFetch;
  presents := NoCredential; body_grant := g; body_nonce := n |}.

Definition visit_of (how : credential) : request := {|
  peer := 0; tls := false; shaped := Fine; host_of := Localhost; to := Guarded PathX; by_verb := Get;
  upgrades := WebSocket; worker := false; from := OwnOrigin; fetched := NoFetch;
  presents := how; body_grant := 0; body_nonce := 0 |}.

Definition visit (t : N) : operation := Requests (visit_of (Cookie t Genuine)).

Definition made_grant : operation := MakeGrant 2 60000 3 Link 7 15.

(* What a trace comes to, the last outcome first. *)
Definition outcomes (all : list operation) : list outcome :=
  map came (snd (run (start_world usual) all [])).

Definition ending (all : list operation) : option outcome := hd_error (outcomes all).

(** A grant of two uses buys two sessions, and no third. *)
Example two_uses_buy_two_sessions :
  opened_count 0 (snd (run (start_world usual)
    [Refresh; made_grant; bootstrap 0 1; bootstrap 0 2; bootstrap 0 3] [])) = 2.
Proof. vm_compute. reflexivity. Qed.

Example and_the_third_is_denied :
  ending [Refresh; made_grant; bootstrap 0 1; bootstrap 0 2; bootstrap 0 3] = Some (Decided (Denied GrantSpent)).
Proof. vm_compute. reflexivity. Qed.

(** The same nonce gets the same session again, at no use. *)
Example the_same_nonce_again :
  match ending [Refresh; made_grant; bootstrap 0 1; Refresh; bootstrap 0 1] with
  | Some (Decided (Redeemed 0 true 0 1 3 _ _ None)) => True
  | _ => False
  end.
Proof. vm_compute. exact I. Qed.

(** A grant of as many uses as there may be, as long as it may live, and none beyond. *)
Example the_largest_grant :
  firstn 5 (outcomes [MakeGrant 1000 (30 * day) 15 Desktop 7 15; MakeGrant 1001 (30 * day) 15 Desktop 7 15;
    MakeGrant 1000 (30 * day + 1) 15 Desktop 7 15; MakeGrant 1 (10 * minute + 1) 1 TypedCode 7 15; MakeGrant 1 1 3 Link 7 1])
  = [NotMade BadCapabilities; NotMade BadLife; NotMade BadLife; NotMade BadUses; Made 0].
Proof. vm_compute. reflexivity. Qed.

(** No guess is left, for a grant either, and a session comes in as before. *)
Definition guesses (n : nat) : list operation := repeat (Requests (visit_of (Cookie 0 TagChanged))) n.

Example no_guess_keeps_it_out :
  map (fun last => ending ([Refresh; made_grant; bootstrap 0 1] ++ guesses 99 ++ [last]))
    [Requests (visit_of (Cookie 0 TagChanged)); bootstrap 0 2]
    = repeat (Some (Decided (Denied (GuessesLimited 1700000060000)))) 2
  /\ option_map enters (ending ([Refresh; made_grant; bootstrap 0 1] ++ guesses 100 ++ [visit 0])) = Some (Some (0, 3)).
Proof. vm_compute. auto. Qed.

(** A session comes in with its token, until it is revoked, or its time is over. *)
Example a_session_comes_in :
  option_map enters (ending [Refresh; made_grant; bootstrap 0 1; visit 0]) = Some (Some (0, 3)).
Proof. vm_compute. reflexivity. Qed.

Example a_revoked_one_does_not :
  ending [Refresh; made_grant; bootstrap 0 1; visit 0; Revoke All; visit 0] = Some (Decided (Denied SessionRevoked)).
Proof. vm_compute. reflexivity. Qed.

Example a_revocation_is_not_forgotten :
  get 0 (exceptions (known (the_door (fst (run (start_world usual)
    [Refresh; made_grant; bootstrap 0 1; Revoke All; Advance 3599999; Refresh; Sweep; Prune] [])))))
  = Some (Exception Revoked 1700003600000).
Proof. vm_compute. reflexivity. Qed.

Example the_shortest_and_the_longest_lifetimes :
  lifetimes_of 60 60 = Some (Lifetimes minute minute) /\ lifetimes_of 7776000 7776000 <> None
  /\ lifetimes_of 59 60 = None /\ lifetimes_of 61 60 = None /\ lifetimes_of 60 7776001 = None.
Proof. vm_compute. repeat split; discriminate. Qed.

Example an_expired_one_does_not :
  ending [Refresh; made_grant; bootstrap 0 1; Advance 600000; Refresh; visit 0]
    = Some (Decided (Denied SessionExpired)).
Proof. vm_compute. reflexivity. Qed.

(** It is renewed in the second half of its life, and in the end up to the absolute end. *)
Definition renewed_often : list operation :=
  [Refresh; made_grant; bootstrap 0 1]
  ++ flat_map (fun t => [Advance 500000; Refresh; Renews 0 (visit_of (Cookie t Genuine))]) [0; 1; 2; 3; 4; 5].

Example renewals_come_to_the_absolute_end :
  match ending renewed_often with
  | Some (Renewed _ 6 next) => expires next = absolute_end next
  | _ => False
  end.
Proof. vm_compute. reflexivity. Qed.

Example and_is_kept_in_the_first :
  match ending [Refresh; made_grant; bootstrap 0 1; Renews 0 (visit_of (Cookie 0 Genuine))] with
  | Some (Kept (Some who)) => session who = 0
  | _ => False
  end.
Proof. vm_compute. reflexivity. Qed.

Example a_clock_ahead_renews_sooner :
  match ending [Refresh; made_grant; bootstrap 0 1; Renews 299999 (visit_of (Cookie 0 Genuine));
                Renews 300000 (visit_of (Cookie 0 Genuine))] with
  | Some (Renewed _ 1 _) => True
  | _ => False
  end.
Proof. vm_compute. exact I. Qed.

(** The end of the session moves on with the renewal, and not once it was revoked. *)
Example the_end_moves_on :
  map (fun o => match o with RowIs (Some one) => row_expires one | _ => 0 end)
    (firstn 1 (outcomes (renewed_often ++ [RowOf 0])) ++ firstn 1 (outcomes ([Refresh; made_grant; bootstrap 0 1;
      Revoke All; Advance 300000; Refresh; Renews 0 (visit_of (Cookie 0 Genuine)); RowOf 0])))
  = [1700003600000; 1700000600000].
Proof. vm_compute. reflexivity. Qed.

(** A limit takes a capability away: what needs it is denied. *)
Example a_limited_one_lacks_it :
  ending [Refresh; made_grant; bootstrap 0 1; Limit All observe; visit 0]
    = Some (Decided (Denied (CapabilityLacking operate))).
Proof. vm_compute. reflexivity. Qed.

(** A revocation names whom it picks among those that live, and a limit those of them that had more. *)
Example whom_they_name :
  firstn 4 (outcomes [Refresh; made_grant; bootstrap 0 1; bootstrap 0 2;
    Limit (One 0) observe; Limit All 3; Revoke (AllBut 1); Revoke All])
    = [RevokedAll [1]; RevokedAll [0]; LimitedAll []; LimitedAll [0]].
Proof. vm_compute. reflexivity. Qed.

(** A grant that is revoked or expired buys nothing. *)
Example a_revoked_grant : ending [Refresh; made_grant; RevokeGrant 0; bootstrap 0 1] = Some (Decided (Denied GrantRevoked)).
Proof. vm_compute. reflexivity. Qed.

Example an_expired_grant :
  ending [Refresh; made_grant; Advance 60000; Refresh; bootstrap 0 1] = Some (Decided (Denied GrantExpired)).
Proof. vm_compute. reflexivity. Qed.

(** A token outlives a new key, and not that the older ones are dropped. *)
Example a_new_key_changes_nothing :
  option_map enters (ending [Refresh; made_grant; bootstrap 0 1; Rotate; Advance 70000; Refresh; visit 0])
    = Some (Some (0, 3)).
Proof. vm_compute. reflexivity. Qed.

Example a_dropped_key_proves_nothing :
  ending [Refresh; made_grant; bootstrap 0 1; Replace; visit 0] = Some (Decided (Denied InvalidUnknownKey)).
Proof. vm_compute. reflexivity. Qed.

Example the_key_in_its_place_signs :
  option_map enters (ending [Refresh; made_grant; bootstrap 0 1; Replace; Refresh; bootstrap 0 2; visit 1])
    = Some (Some (1, 3)).
Proof. vm_compute. reflexivity. Qed.

Example no_key_after_the_last :
  hd_error (outcomes (repeat Rotate 254)) = Some (Key 255) /\ hd_error (outcomes (repeat Rotate 255)) = Some Exhausted.
Proof. vm_compute. auto. Qed.

(** Once the table of counters is full, all that are in it stay, and no newcomer is asked to wait. *)
Definition guess_of_peer (one : nat) : operation := Requests {|
  peer := N.of_nat one; tls := false; shaped := Fine; host_of := Localhost; to := Guarded PathX; by_verb := Get;
  upgrades := WebSocket; worker := false; from := OwnOrigin; fetched := NoFetch;
  presents := Cookie 0 TagChanged; body_grant := 0; body_nonce := 0 |}.

Example a_full_table :
  let all := [Refresh; made_grant; bootstrap 0 1] ++ map guess_of_peer (seq 0 20) ++ repeat (guess_of_peer 90) 101 in
  ending all = Some (Decided (Denied InvalidBadTag))
  /\ count (counters (the_door (fst (run (start_world usual) all [])))) = 16.
Proof. vm_compute. auto. Qed.

(** Members come in to their workspace, and nobody else does. *)
Example a_member_comes_in :
  ending [Refresh; made_grant; bootstrap 0 1; Create 1; AdmitMember 1 7 (Member operate false);
          Requests {| peer := 0; tls := false; shaped := Fine; host_of := HostOf 1; to := Guarded PathX;
            by_verb := Get; upgrades := NoUpgrade; worker := false; from := NoOrigin; fetched := NoFetch;
            presents := Bearer 0 Genuine; body_grant := 0; body_nonce := 0 |}]
    = Some (Decided (Admitted (Some (Claims 0 7 3 1700000000000 1700000600000 1700003600000)) operate (Some 1))).
Proof. vm_compute. reflexivity. Qed.

Example nobody_else_does :
  ending [Refresh; made_grant; bootstrap 0 1; Create 1; visit 0] = Some (Decided (Denied WorkspaceUnknown)).
Proof. vm_compute. reflexivity. Qed.

(** A hello brings a grant or a token, and has what every rule asks for. *)
Definition hello_with (how : offer) : hello := {|
  hello_peer := 0; hello_malformed := false; server_name := Some Localhost; our_protocol := true;
  for_token := false; asks := observe; names := None; offers := how |}.

Example a_hello_buys_a_session :
  match ending [Refresh; made_grant; Greets (hello_with (OffersGrant 0 1))] with
  | Some (Decided (Redeemed 0 false 0 0 3 _ _ (Some 0))) => True
  | _ => False
  end.
Proof. vm_compute. exact I. Qed.

Example and_is_told_of_it_again :
  match ending [Refresh; made_grant; Greets (hello_with (OffersGrant 0 1)); Greets (hello_with (OffersGrant 0 1))] with
  | Some (Decided (Redeemed 0 true 0 1 3 _ _ (Some 0))) => True
  | _ => False
  end.
Proof. vm_compute. exact I. Qed.

Example and_comes_in_with_its_token :
  match ending [Refresh; made_grant; Greets (hello_with (OffersGrant 0 1)); Greets (hello_with (OffersToken 0 Genuine))] with
  | Some (Decided (Admitted (Some who) 3 (Some 0))) => session who = 0
  | _ => False
  end.
Proof. vm_compute. reflexivity. Qed.

Example a_hello_without_either_is_denied :
  ending [Refresh; made_grant; Greets (hello_with OffersNothing)] = Some (Decided (Denied CredentialMissing)).
Proof. vm_compute. reflexivity. Qed.

Example a_hello_to_more_than_the_rules_name :
  let chosen := Settings (Lifetimes 600000 3600000) (Limits 10 100 16) 8 8 5000 1700000000000 Loopback false false
    None (Some observe) (Some observe) (Some observe) in
  map came (firstn 2 (snd (run (start_world chosen) [Refresh; made_grant; Greets (hello_with (OffersGrant 0 1)); Uses 0] [])))
    = [UsesLeft (Some 2); Decided (Denied NoRoute)].
Proof. vm_compute. reflexivity. Qed.

(** A foreign host, a foreign page and an upgrade by POST are denied whatever they bring. *)
Definition visit_from (where_ : host) (page : origin) (how : verb) : operation := Requests {|
  peer := 0; tls := false; shaped := Fine; host_of := where_; to := Guarded PathX; by_verb := how;
  upgrades := WebSocket; worker := false; from := page; fetched := NoFetch;
  presents := Cookie 0 Genuine; body_grant := 0; body_nonce := 0 |}.

Example what_is_not_presentable :
  map (fun last => ending [Refresh; made_grant; bootstrap 0 1; last])
    [visit_from ForeignHost OwnOrigin Get; visit_from Localhost ForeignOrigin Get;
     visit_from Localhost NoOrigin Get; visit_from Localhost OwnOrigin Post]
  = map (fun why => Some (Decided (Denied why))) [HostDenied; OriginDenied; OriginMissing; UpgradeRefused].
Proof. vm_compute. reflexivity. Qed.

(* What a request comes to at a door that was asked for without a guard. *)
Definition at_an_unguarded_door (r : request) : outcome :=
  let chosen := Settings (Lifetimes 600000 3600000) (Limits 10 100 16) 8 8 5000 1700000000000 Loopback true false
    (Some operate) None None None in
  came (hd (Event 0 Refresh Finished) (snd (run (start_world chosen) [Requests r] []))).

(** Without a guard, which takes asking for it by name, nobody in particular is admitted. *)
Example nobody_in_particular :
  at_an_unguarded_door (visit_of NoCredential) = Decided (Admitted None 7 (Some 0)).
Proof. vm_compute. reflexivity. Qed.

(** But no page of another origin, which sends no [Origin] and whose browser tells where it is from. *)
Example and_no_foreign_page :
  map (fun told => at_an_unguarded_door {|
         peer := 0; tls := false; shaped := Fine; host_of := Localhost; to := Guarded PathX; by_verb := Get;
         upgrades := NoUpgrade; worker := false; from := NoOrigin; fetched := told;
         presents := NoCredential; body_grant := 0; body_nonce := 0 |})
    [SameOrigin; SameSite; CrossSite]
  = [Decided (Admitted None 7 (Some 0)); Decided (Denied FetchMetadata); Decided (Denied FetchMetadata)].
Proof. vm_compute. reflexivity. Qed.

(** The owner of a room writes, until the lease is handed over. *)
Example the_owner_writes :
  ending [InRoom (Join 1 true); InRoom (Join 2 true); InRoom (Write 0)] = Some (RoomSaid Done []).
Proof. vm_compute. reflexivity. Qed.

Example the_owner_before_does_not :
  ending [InRoom (Join 1 true); InRoom (Join 2 true); InRoom (Ask 2); InRoom (Hand 1 2); InRoom (Write 0)]
    = Some (RoomSaid NotOwner []).
Proof. vm_compute. reflexivity. Qed.

(** Two places of one session write side by side, and neither does once another session owns the lease. *)
Example both_places_of_the_owner :
  firstn 2 (outcomes [InRoom (Join 1 true); InRoom (Join 1 true); InRoom (Join 2 true); InRoom (Write 0); InRoom (Write 1)])
    = [RoomSaid Done []; RoomSaid Done []].
Proof. vm_compute. reflexivity. Qed.

Example neither_place_of_the_owner_before :
  firstn 3 (outcomes [InRoom (Join 1 true); InRoom (Join 1 true); InRoom (Join 2 true); InRoom (Write 0);
    InRoom (Ask 2); InRoom (Hand 1 2); InRoom (Write 0); InRoom (Write 1); InRoom (Write 2)])
    = [RoomSaid Done []; RoomSaid NotOwner []; RoomSaid NotOwner []].
Proof. vm_compute. reflexivity. Qed.

(** * Broken doors *)

(* The theorems would notice: each of these doors differs from the model in one thing, and what holds of
   the model is false of it. *)

Fixpoint run_as (next : world -> operation -> world * outcome) (w : world) (all : list operation)
    (h : history) : world * history :=
  match all with
  | [] => (w, h)
  | what :: rest =>
      let (w', o) := next w what in run_as next w' rest (Event (now (the_door w)) what o :: h)
  end.

Definition after (next : world -> operation -> world * outcome) (all : list operation) : world * history :=
  run_as next (start_world usual) all [].

Lemma after_is_reached all : reached usual (fst (after step all)) (snd (after step all)).
Proof.
  unfold after. destruct (run_as step (start_world usual) all []) as [w h] eqn:R. simpl.
  apply (run_reaches usual all (start_world usual) [] w h).
  - apply at_first. unfold sound. simpl. lia.
  - rewrite <- R. generalize (start_world usual) ([] : history). clear.
    induction all as [| what rest IH]; simpl; auto. intros w h. destruct (step w what). apply IH.
Qed.

Definition uses_are_kept next : Prop := forall all g at_ uses life given subject,
  made g at_ uses life given subject (snd (after next all)) -> opened_count g (snd (after next all)) <= uses.

Definition revoked_stay_out next : Prop := forall all e sessions s what held,
  In e (snd (after next all)) -> came e = RevokedAll sessions -> In s sessions ->
  enters (snd (next (fst (after next all)) what)) <> Some (s, held).

Definition limited_stay_limited next : Prop := forall all e which most sessions s what held,
  In e (snd (after next all)) -> op e = Limit which most -> came e = LimitedAll sessions -> In s sessions ->
  enters (snd (next (fst (after next all)) what)) = Some (s, held) -> within held most.

Definition the_announced_write next : Prop := forall all p told_,
  snd (next (fst (after next all)) (InRoom (Write p))) = RoomSaid Done told_ ->
  exists one, In one (seats (the_room (fst (after next all)))) /\ seat_place one = p
    /\ announced (snd (after next all)) = Some (sits one).

Theorem the_model_keeps_all_four :
  uses_are_kept step /\ revoked_stay_out step /\ limited_stay_limited step /\ the_announced_write step.
Proof.
  repeat split.
  - intros all g at_ uses life given subject Made.
    eapply grant_never_yields_more_sessions_than_uses; eauto using after_is_reached.
  - intros all e sessions s what held Is Came In_.
    destruct (step (fst (after step all)) what) as [w' o] eqn:S. simpl.
    eapply no_admission_after_revocation; eauto using after_is_reached.
  - intros all e which most sessions s what held Is Op Came In_ Enters.
    destruct (step (fst (after step all)) what) as [w' o] eqn:S. simpl in Enters.
    eapply what_a_limit_takes_away_stays_away; eauto using after_is_reached.
  - intros all p told_ Wrote.
    destruct (step (fst (after step all)) (InRoom (Write p))) as [w' o] eqn:S. simpl in Wrote. subst o.
    destruct (only_the_announced_owner_writes _ _ _ _ _ _ (after_is_reached all) S) as (one & Is & Place_ & _ & Owner). eauto.
Qed.

(* A door that keeps the session of a redemption, and not that a use of the grant is gone. *)
Definition spends_nothing (w : world) (what : operation) : world * outcome :=
  let (w', o) := step w what in
  match opened_by o with
  | Some _ => (World (with_grants (the_door w') (grants (the_door w))) (the_room w'), o)
  | None => (w', o)
  end.

Theorem a_door_that_spends_nothing_is_noticed : ~ uses_are_kept spends_nothing.
Proof.
  intros Kept. specialize (Kept
    [Refresh; MakeGrant 1 60000 3 Link 7 15; bootstrap 0 1; bootstrap 0 2] 0 1700000000000 1 60000 3 7).
  assert (Made : made 0 1700000000000 1 60000 3 7
    (snd (after spends_nothing [Refresh; MakeGrant 1 60000 3 Link 7 15; bootstrap 0 1; bootstrap 0 2]))).
  { exists Link, 15. vm_compute. auto. }
  specialize (Kept Made). vm_compute in Kept. apply Kept. reflexivity.
Qed.

(* A door whose store marks a session, and whose mirror never hears of it. *)
Definition hears_nothing (w : world) (what : operation) : world * outcome :=
  let (w', o) := step w what in
  match what with
  | Revoke _ | Limit _ _ => (World (with_known (the_door w') (known (the_door w))) (the_room w'), o)
  | _ => (w', o)
  end.

Theorem a_mirror_that_misses_a_revocation_is_noticed : ~ revoked_stay_out hears_nothing.
Proof.
  intros Out. specialize (Out [Refresh; made_grant; bootstrap 0 1; Revoke All]
    (Event 1700000000000 (Revoke All) (RevokedAll [0])) [0] 0 (visit 0) 3).
  apply Out; vm_compute; auto.
Qed.

Theorem a_mirror_that_misses_a_limit_is_noticed : ~ limited_stay_limited hears_nothing.
Proof.
  intros Less. specialize (Less [Refresh; made_grant; bootstrap 0 1; Limit All observe]
    (Event 1700000000000 (Limit All observe) (LimitedAll [0])) All observe [0] 0 (visit 0) 3).
  assert (Within : within 3 observe) by (apply Less; vm_compute; auto). discriminate Within.
Qed.

(* A room in which every place that may operate writes. *)
Definition anybody_writes (w : world) (what : operation) : world * outcome :=
  match what with
  | InRoom (Write p) =>
      (w, RoomSaid (match seat_at (the_room w) p with Some _ => Done | None => NotAllowed end) [])
  | _ => step w what
  end.

Theorem a_room_in_which_anybody_writes_is_noticed : ~ the_announced_write anybody_writes.
Proof.
  intros Announced. specialize (Announced [InRoom (Join 1 true); InRoom (Join 2 true)] 1 []).
  destruct Announced as (one & Is & Place_ & Owner); [vm_compute; reflexivity |].
  vm_compute in Is. destruct Is as [<- | [<- | []]]; [discriminate Place_ | discriminate Owner].
Qed.

(** * More of them *)

Definition checks_are_passed next : Prop := forall all r said held joined,
  snd (next (fst (after next all)) (Requests r)) = Decided (Admitted (Some said) held joined) ->
  admissible (the_door (fst (after next all))) r said held joined.

Definition hellos_have_what_rules_ask next : Prop := forall all h said held joined path,
  snd (next (fst (after next all)) (Greets h)) = Decided (Admitted (Some said) held joined) ->
  for_token h = false ->
  exists some, rule_of (the_door (fst (after next all))) path = Some some /\ within some held.

Definition renewals_wait next : Prop := forall all ahead r who t new,
  snd (next (fst (after next all)) (Renews ahead r)) = Renewed who t new ->
  issued who + (expires who - issued who) / 2 <= now (the_door (fst (after next all))) + ahead.

Definition ids_are_new next : Prop := forall all what id one,
  snd (next (fst (after next all)) what) = Key id ->
  In one (masters (ring (the_door (fst (after next all))))) -> id_of one < id.

Definition one_session_writes next : Prop := forall all p q told1 told2 one other,
  snd (next (fst (after next all)) (InRoom (Write p))) = RoomSaid Done told1 ->
  snd (next (fst (after next all)) (InRoom (Write q))) = RoomSaid Done told2 ->
  In one (seats (the_room (fst (after next all)))) -> seat_place one = p ->
  In other (seats (the_room (fst (after next all)))) -> seat_place other = q -> sits one = sits other.

Theorem the_model_keeps_these_five :
  checks_are_passed step /\ hellos_have_what_rules_ask step /\ renewals_wait step /\ ids_are_new step
  /\ one_session_writes step.
Proof.
  split; [| split; [| split; [| split]]].
  - intros all r said held joined Came.
    destruct (step (fst (after step all)) (Requests r)) as [w' o] eqn:S. simpl in Came. subst o.
    eapply admission_implies_every_check; eauto.
  - intros all h said held joined path Came For_.
    destruct (step (fst (after step all)) (Greets h)) as [w' o] eqn:S. simpl in Came. subst o.
    destruct (hello_admission_implies_every_check _ _ _ _ _ _ S) as (needed & t & Well & _ & _ & Checked).
    destruct (needs_what_rules_ask _ _ _ Well For_ path) as (some & Rule & Less). exists some. split; auto.
    eapply within_trans; [exact Less | apply (has_what_it_takes _ _ _ _ _ _ Checked)].
  - intros all ahead r who t new Came.
    destruct (step (fst (after step all)) (Renews ahead r)) as [w' o] eqn:S. simpl in Came. subst o.
    destruct (only_a_valid_token_is_renewed _ _ _ _ _ _ _ _ (after_is_reached all) S)
      as (ahead' & r' & before & held & joined & Is & _ & _ & _ & _ & [Half _] & _). inversion Is; subst. exact Half.
  - intros all what id one Came Is.
    destruct (step (fst (after step all)) what) as [w' o] eqn:S. simpl in Came. subst o.
    destruct (key_ids_are_given_once _ _ _ _ _ _ (after_is_reached all) S) as (_ & _ & Below & _). auto.
  - intros all p q told1 told2 one other Came1 Came2 Is1 At1 Is2 At2.
    destruct (step (fst (after step all)) (InRoom (Write p))) as [w1 o1] eqn:S1. simpl in Came1. subst o1.
    destruct (step (fst (after step all)) (InRoom (Write q))) as [w2 o2] eqn:S2. simpl in Came2. subst o2.
    exact (one_owner_at_a_time _ _ _ _ _ _ _ _ _ _ _ (after_is_reached all) S1 S2 Is1 At1 Is2 At2).
Qed.

(* A door that takes what it knows of revocations for fresh, however old it is. *)
Definition believes_old_news (w : world) (what : operation) : world * outcome :=
  let d := the_door w in
  step (World (with_known d (refresh (now d) (known d))) (the_room w)) what.

Theorem a_door_that_believes_old_news_is_noticed : ~ checks_are_passed believes_old_news.
Proof.
  intros Passed. specialize (Passed [Refresh; made_grant; bootstrap 0 1; Advance 5001]
    (visit_of (Cookie 0 Genuine)) (Claims 0 7 3 1700000000000 1700000600000 1700003600000) 3 (Some 0)).
  destruct Passed as (rule & needed & t & _ & _ & _ & _ & Checked); [vm_compute; reflexivity |].
  apply is_known_freshly in Checked. vm_compute in Checked. discriminate.
Qed.

(* A door that asks of a hello no more than it asks for itself. *)
Definition asks_hellos_for_nothing (w : world) (what : operation) : world * outcome :=
  match what with
  | Greets h =>
      step w (Greets (Hello (hello_peer h) (hello_malformed h) (server_name h) (our_protocol h) true (asks h)
        (names h) (offers h)))
  | _ => step w what
  end.

Theorem a_door_that_asks_hellos_for_nothing_is_noticed : ~ hellos_have_what_rules_ask asks_hellos_for_nothing.
Proof.
  intros Has. specialize (Has [Refresh; MakeGrant 1 60000 observe Link 7 15; bootstrap 0 1]
    (hello_with (OffersToken 0 Genuine)) (Claims 0 7 observe 1700000000000 1700000600000 1700003600000) observe None PathX).
  destruct Has as (some & Rule & Less); [vm_compute; reflexivity | reflexivity |].
  vm_compute in Rule. inversion Rule; subst. discriminate Less.
Qed.

(* A door that renews as soon as it is asked. *)
Definition renews_at_once (w : world) (what : operation) : world * outcome :=
  match what with
  | Renews ahead r => step w (Renews (ahead + 300000) r)
  | _ => step w what
  end.

Theorem a_door_that_renews_at_once_is_noticed : ~ renewals_wait renews_at_once.
Proof.
  intros Waits. specialize (Waits [Refresh; made_grant; bootstrap 0 1] 0 (visit_of (Cookie 0 Genuine))
    (Claims 0 7 3 1700000000000 1700000600000 1700003600000) 1
    (Claims 0 7 3 1700000300000 1700000900000 1700003600000)).
  vm_compute in Waits. apply Waits; reflexivity.
Qed.

(* A door that counts its keys anew when it drops the older ones. *)
Definition counts_keys_anew (w : world) (what : operation) : world * outcome :=
  match what with
  | Replace => (World (with_ring (the_door w) (generate (now (the_door w)))) (the_room w), Key 1)
  | _ => step w what
  end.

Theorem a_door_that_counts_keys_anew_is_noticed : ~ ids_are_new counts_keys_anew.
Proof.
  intros New. specialize (New [] Replace 1 (Master 1 1700000000000)).
  assert (Less : 1 < 1) by (apply New; vm_compute; auto). discriminate Less.
Qed.

Theorem a_room_in_which_anybody_writes_has_several_owners : ~ one_session_writes anybody_writes.
Proof.
  intros One. specialize (One [InRoom (Join 1 true); InRoom (Join 2 true)] 0 1 [] [] (Seat 0 1 true) (Seat 1 2 true)).
  assert (Same : 1 = 2) by (apply One; vm_compute; auto). discriminate Same.
Qed.
