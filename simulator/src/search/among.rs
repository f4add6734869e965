//! Which shapes stories are drawn for, and how often each.

use fastrand::Rng;

use super::faults::choose;
use super::shape::{Place, SHAPES, Shape, places};

/// Which shapes stories are drawn for.
#[derive(Clone, Copy, Debug, Default)]
pub enum Among {
    /// All of them, each as often as any other.
    #[default]
    Shapes,
    /// All of them, each strategy with its router as often as any other, however many shapes it has.
    Places,
    /// One alone.
    One(&'static Shape),
}

impl Among {
    /// Where the shape of a story is among [`SHAPES`].
    pub(crate) fn draw(self, rng: &mut Rng) -> usize {
        match self {
            Self::Shapes => rng.usize(0..SHAPES.len()),
            Self::Places => {
                let place = choose(rng, &places().into_iter().collect::<Vec<Place>>());
                let shapes = SHAPES.iter().enumerate().filter(|(_, shape)| shape.place() == place);
                choose(rng, &shapes.map(|(index, _)| index).collect::<Vec<usize>>())
            }
            Self::One(shape) => SHAPES.iter().position(|one| one.name == shape.name).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_with_one_shape_is_drawn_as_often_as_one_with_four() {
        let mut rng = Rng::with_seed(7);
        let drawn: Vec<Place> = (0..4000).map(|_| SHAPES[Among::Places.draw(&mut rng)].place()).collect();
        for place in places() {
            let count = drawn.iter().filter(|one| **one == place).count();
            assert!((800..1200).contains(&count), "{place:?}: {count}");
        }
    }

    #[test]
    fn one_shape_alone_is_drawn() {
        let mut rng = Rng::with_seed(7);
        for shape in SHAPES {
            assert_eq!(SHAPES[Among::One(shape).draw(&mut rng)].name, shape.name);
        }
    }
}
