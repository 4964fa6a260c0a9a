//! Simulator, rule tests and platform laws of the muxfer workspace.
