mod counts;
mod stories;
mod world;
