(* Traces that reach what the theorems speak of: each is carried out by Coq itself. *)

From Doorward Require Import Base Keys Limiter Workspaces Grants Sessions State Decision Room Door.
From Doorward Require Import Facts Decides Invariants Rooms Theorems.

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

(** A session comes in with its token, until it is revoked, or its time is over. *)
Example a_session_comes_in :
  option_map enters (ending [Refresh; made_grant; bootstrap 0 1; visit 0]) = Some (Some (0, 3)).
Proof. vm_compute. reflexivity. Qed.

Example a_revoked_one_does_not :
  ending [Refresh; made_grant; bootstrap 0 1; visit 0; Revoke All; visit 0] = Some (Decided (Denied SessionRevoked)).
Proof. vm_compute. reflexivity. Qed.

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

(** A limit takes a capability away: what needs it is denied. *)
Example a_limited_one_lacks_it :
  ending [Refresh; made_grant; bootstrap 0 1; Limit All observe; visit 0]
    = Some (Decided (Denied (CapabilityLacking operate))).
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

(** The owner of a room writes, until the lease is handed over. *)
Example the_owner_writes :
  ending [InRoom (Join 1 true); InRoom (Join 2 true); InRoom (Write 0)] = Some (RoomSaid Done []).
Proof. vm_compute. reflexivity. Qed.

Example the_owner_before_does_not :
  ending [InRoom (Join 1 true); InRoom (Join 2 true); InRoom (Ask 2); InRoom (Hand 1 2); InRoom (Write 0)]
    = Some (RoomSaid NotOwner []).
Proof. vm_compute. reflexivity. Qed.
