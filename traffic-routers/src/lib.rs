//! What a route object says, and the smallest edit that makes it say something else.
