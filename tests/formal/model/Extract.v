(* The model as OCaml. Numbers become native integers of 63 bits: TRACE.md keeps them below 2^53. *)

From Coq Require Extraction.
From Coq Require Import ExtrOcamlBasic ExtrOcamlZInt.
From Doorward Require Import Base Limiter Workspaces Grants Sessions State Decision Room Door.

Extract Inlined Constant N.land => "(land)".
Extract Inlined Constant N.lor => "(lor)".
Extract Inlined Constant N.ldiff => "(fun a b -> a land (lnot b))".
Extract Inlined Constant N.of_nat => "(fun n -> n)".
Extract Inlined Constant length => "List.length".

Extraction Language OCaml.
Extraction "model.ml" Door.step Door.start_world lifetimes_of default_lifetimes is_over.
