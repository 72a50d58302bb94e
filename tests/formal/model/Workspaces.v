(* Workspaces and who may do what in which (policy/src/workspace). Workspace 0 is [main]. *)

From Doorward Require Import Base.

Record member := Member { may : caps; home : bool }.

(* Of each workspace its members, by their subject. *)
Definition directory := table (table member).

Inductive asked := Own | Default | Named (workspace : N).

Definition is_off (all : directory) : bool :=
  match all with [] => true | _ => false end.

Definition membership (all : directory) (subject workspace : N) : option member :=
  match get workspace all with
  | Some members => get subject members
  | None => None
  end.

(* The workspaces of a subject, with its membership. *)
Definition seen_by (all : directory) (subject : N) : table member :=
  flat_map (fun entry =>
    match get subject (snd entry) with
    | Some one => [(fst entry, one)]
    | None => []
    end) all.

(* Where a subject goes that names no workspace: its home, else [main], else the only one. *)
Definition home_of (all : directory) (subject : N) : option (N * member) :=
  let seen := seen_by all subject in
  match find (fun entry => home (snd entry)) seen, get 0 seen, seen with
  | Some found, _, _ => Some found
  | None, Some one, _ => Some (0, one)
  | None, None, [only] => Some only
  | None, None, _ => None
  end.

(* What a visitor joins, and what it may do there at most. Nobody in particular has no subject. *)
Definition join (all : directory) (wanted : asked) (visitor : option N) : option (N * caps) :=
  if is_off all then
    match wanted with
    | Default | Named 0 => Some (0, every)
    | Own | Named _ => None
    end
  else
    match visitor, wanted with
    | None, _ | _, Own => None
    | Some subject, Named workspace =>
        match membership all subject workspace with
        | Some one => Some (workspace, may one)
        | None => None
        end
    | Some subject, Default =>
        match home_of all subject with
        | Some (workspace, one) => Some (workspace, may one)
        | None => None
        end
    end.

(* The check of a request: Doorward's own pages belong to no workspace. *)
Definition enter (all : directory) (wanted : asked) (visitor : option N)
  : result (option N * caps) :=
  match wanted with
  | Own => Yes (None, every)
  | Default | Named _ =>
      match join all wanted visitor with
      | Some (workspace, allowed) => Yes (Some workspace, allowed)
      | None => No WorkspaceUnknown
      end
  end.

(* Changes. *)
Inductive refusal :=
| Exists | Unknown | NoMember | Full | IsMain | OthersLeft | Nothing.

Definition most_workspaces : N := 256.
Definition most_members : N := 4096.

Definition change := (directory + refusal)%type.

Definition create (all : directory) (workspace : N) : change :=
  if workspace =? 0 then inr IsMain
  else if most_workspaces <=? count all then inr Full
  else match get workspace all with
  | Some _ => inr Exists
  | None => inl ((workspace, []) :: if is_off all then [(0, [])] else all)
  end.

(* The same claim again: nothing that the model sees changes. *)
Definition place_anew (all : directory) (workspace : N) : change :=
  if workspace =? 0 then inr IsMain
  else match get workspace all with
  | Some _ => inl all
  | None => inr Unknown
  end.

Definition delete (all : directory) (workspace : N) : change :=
  match get workspace all with
  | None => inr Unknown
  | Some _ =>
      if (workspace =? 0) && (1 <? count all) then inr OthersLeft
      else inl (remove workspace all)
  end.

Definition leave_home (subject : N) (members : table member) : table member :=
  update subject (fun one => Member (may one) false) members.

Definition leave_other_homes (workspace subject : N) (all : directory) : directory :=
  map (fun entry =>
    if workspace =? fst entry then entry else (fst entry, leave_home subject (snd entry))) all.

Definition members_in_all (all : directory) : N :=
  fold_right (fun entry sum => count (snd entry) + sum) 0 all.

Definition admit_member (all : directory) (workspace subject : N) (one : member) : change :=
  if may one =? 0 then inr Nothing
  else match get workspace all with
  | None => inr Unknown
  | Some members =>
      let is_new := match get subject members with Some _ => false | None => true end in
      if is_new && (most_members <=? members_in_all all) then inr Full
      else
        let all := update workspace (put subject one) all in
        inl (if home one then leave_other_homes workspace subject all else all)
  end.

Definition expel (all : directory) (workspace subject : N) : change :=
  match get workspace all with
  | None => inr Unknown
  | Some members =>
      match get subject members with
      | None => inr NoMember
      | Some _ => inl (update workspace (remove subject) all)
      end
  end.
