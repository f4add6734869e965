//! Bugs that can be switched on one by one, to see which of them the tests find.
//!
//! Without the feature `enabled` nothing of this is in the program: [`planted`] is constant.
