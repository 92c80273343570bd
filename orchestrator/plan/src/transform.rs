//! What changes in a body on its way into other infrastructure.
