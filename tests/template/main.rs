//! Templates against the real thing: shells, hostile values, shared vectors.

mod delivery;
mod hostile;
mod shell_text;
mod shells;
mod surfaces;
mod vectors;
