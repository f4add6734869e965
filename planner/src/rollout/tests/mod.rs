mod analyses;
mod counts;
mod goldens;
mod mishaps;
mod properties;
mod stories;
mod validation;
mod world;
