mod analyses;
mod counts;
mod goldens;
mod properties;
mod stories;
mod validation;
mod world;
