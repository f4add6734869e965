//! Which faults mattered where: seeds in which a fault changed a decision, by strategy, router and fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::faults::is_valid;
use super::shape::{Place, SHAPES, Shape, places};
use crate::fault::FaultKind;

/// How many seeds a cell should have.
pub const ENOUGH: u64 = 1000;

/// Counts of effective seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    seeds: BTreeMap<Place, u64>,
    effective: BTreeMap<(Place, FaultKind), u64>,
}

impl Matrix {
    /// Counts one seed.
    pub fn add(&mut self, shape: &Shape, effective: &BTreeSet<FaultKind>) {
        let place = shape.place();
        *self.seeds.entry(place).or_default() += 1;
        for kind in effective {
            *self.effective.entry((place, *kind)).or_default() += 1;
        }
    }

    /// Adds the counts of another thread.
    pub fn merge(&mut self, other: &Self) {
        for (place, count) in &other.seeds {
            *self.seeds.entry(*place).or_default() += count;
        }
        for (cell, count) in &other.effective {
            *self.effective.entry(*cell).or_default() += count;
        }
    }

    /// All valid cells with their counts.
    pub fn cells(&self) -> impl Iterator<Item = (&'static str, &'static str, FaultKind, u64)> + '_ {
        places().into_iter().flat_map(move |place| {
            valid(place).into_iter().map(move |kind| (place.0, place.1, kind, self.count(place, kind)))
        })
    }

    /// How many of the valid cells have [`ENOUGH`] seeds, and how many there are.
    #[must_use]
    pub fn full_cells(&self) -> (usize, usize) {
        self.cells().fold((0, 0), |(full, all), (.., count)| (full + usize::from(count >= ENOUGH), all + 1))
    }

    fn count(&self, place: Place, kind: FaultKind) -> u64 {
        self.effective.get(&(place, kind)).copied().unwrap_or(0)
    }
}

fn valid(place: Place) -> BTreeSet<FaultKind> {
    let shapes = SHAPES.iter().filter(|shape| shape.place() == place);
    shapes.flat_map(|shape| FaultKind::ALL.into_iter().filter(|kind| is_valid(shape, *kind))).collect()
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<Place> = places().into_iter().collect();
        write!(f, "{:<6}", "fault")?;
        for (strategy, router) in &places {
            write!(f, "{:>18}", format!("{strategy}/{router}"))?;
        }
        writeln!(f)?;
        for kind in FaultKind::ALL {
            write!(f, "{:<6}", kind.to_string())?;
            for place in &places {
                let text = if valid(*place).contains(&kind) {
                    self.count(*place, kind).to_string()
                } else {
                    "-".to_owned()
                };
                write!(f, "{text:>18}")?;
            }
            writeln!(f)?;
        }
        write!(f, "{:<6}", "seeds")?;
        for place in &places {
            write!(f, "{:>18}", self.seeds.get(place).copied().unwrap_or(0))?;
        }
        let (full, all) = self.full_cells();
        write!(f, "\n{full} of {all} valid cells have at least {ENOUGH} effective seeds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_two_threads_are_added() {
        let shape = &SHAPES[1];
        let mut one = Matrix::default();
        let mut other = Matrix::default();
        one.add(shape, &BTreeSet::from([FaultKind::F1]));
        other.add(shape, &BTreeSet::from([FaultKind::F1, FaultKind::F9]));
        one.merge(&other);
        let counts: Vec<u64> =
            one.cells().filter(|(.., count)| *count > 0).map(|(.., count)| count).collect();
        assert_eq!(counts, [2, 1]);
        assert_eq!(one.full_cells().0, 0);
        assert!(one.to_string().contains("canary/nginx"), "{one}");
    }
}
