//! Two sequences of one tag's samples as one, without doubles: where both have a time, the first counts.

use std::iter::Peekable;
use tagwerk_historian::Piece;

/// In which order of time samples come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

impl Direction {
    /// Ascends as samples come.
    fn key(self, time: i64) -> i64 {
        match self {
            Direction::Forward => time,
            Direction::Backward => !time,
        }
    }
}

/// Both must be in the order of `direction`.
pub fn union<P, S, E>(first: P, second: S, direction: Direction) -> Union<P, S, E>
where
    P: Iterator<Item = Result<Piece, E>>,
    S: Iterator<Item = Result<Piece, E>>,
{
    Union {
        first: first.peekable(),
        second: second.peekable(),
        direction,
        a: None,
        b: None,
        last: None,
    }
}

pub struct Union<P, S, E>
where
    P: Iterator<Item = Result<Piece, E>>,
    S: Iterator<Item = Result<Piece, E>>,
{
    first: Peekable<P>,
    second: Peekable<S>,
    direction: Direction,
    /// Pieces of each that are not given yet.
    a: Option<Piece>,
    b: Option<Piece>,
    /// The key of the last sample of `first` that was given.
    last: Option<i64>,
}

impl<P, S, E> Iterator for Union<P, S, E>
where
    P: Iterator<Item = Result<Piece, E>>,
    S: Iterator<Item = Result<Piece, E>>,
{
    type Item = Result<Piece, E>;

    fn next(&mut self) -> Option<Result<Piece, E>> {
        loop {
            if let Err(error) = fill(&mut self.a, &mut self.first) {
                return Some(Err(error));
            }
            if let Err(error) = fill(&mut self.b, &mut self.second) {
                return Some(Err(error));
            }
            self.drop_doubles();
            match (self.a.take(), self.b.take()) {
                (None, None) if self.second.peek().is_none() => return None,
                (None, None) => continue,
                (None, Some(b)) => return Some(Ok(b)),
                (Some(a), None) => {
                    self.a = Some(a);
                    if self.second.peek().is_some() {
                        continue;
                    }
                    return self.a.take().map(Ok);
                }
                (Some(a), Some(b)) => return Some(Ok(self.earlier(a, b))),
            }
        }
    }
}

fn fill<E>(
    slot: &mut Option<Piece>,
    pieces: &mut Peekable<impl Iterator<Item = Result<Piece, E>>>,
) -> Result<(), E> {
    while slot.is_none() {
        match pieces.next() {
            None => return Ok(()),
            Some(piece) => *slot = Some(piece?).filter(|piece| !piece.is_empty()),
        }
    }
    Ok(())
}

impl<P, S, E> Union<P, S, E>
where
    P: Iterator<Item = Result<Piece, E>>,
    S: Iterator<Item = Result<Piece, E>>,
{
    /// What `second` has at the time that `first` gave last.
    fn drop_doubles(&mut self) {
        let (Some(b), Some(last)) = (&self.b, self.last) else { return };
        let direction = self.direction;
        let same = b.times.partition_point(|time| direction.key(*time) <= last);
        if same > 0 {
            self.b = (same < b.len()).then(|| b.slice(same..b.len()));
        }
    }

    /// The part that comes next; the rest is kept.
    fn earlier(&mut self, a: Piece, b: Piece) -> Piece {
        let direction = self.direction;
        let key = |piece: &Piece, place: usize| direction.key(piece.times[place]);
        if key(&b, 0) < key(&a, 0) {
            let until = key(&a, 0);
            let end = b.times.partition_point(|time| direction.key(*time) < until);
            let given = b.slice(0..end);
            self.b = (end < b.len()).then(|| b.slice(end..b.len()));
            self.a = Some(a);
            return given;
        }
        // As long as everything in `b` is in `a` too, `a` goes on in one piece.
        let (mut end, mut doubles) = (a.len(), 0);
        let mut at = 0;
        while doubles < b.len() {
            let wanted = key(&b, doubles);
            at += a.times[at..].partition_point(|time| direction.key(*time) < wanted);
            if at == a.len() {
                break;
            }
            if key(&a, at) != wanted {
                end = at;
                break;
            }
            doubles += 1;
        }
        if doubles == b.len() && self.second.peek().is_some() {
            // What comes next in `b` may lie before the rest of `a`.
            let known = key(&b, b.len() - 1);
            end = a.times.partition_point(|time| direction.key(*time) <= known);
        }
        self.b = (doubles < b.len()).then(|| b.slice(doubles..b.len()));
        self.last = Some(key(&a, end - 1));
        if end == a.len() {
            return a;
        }
        let given = a.slice(0..end);
        self.a = Some(a.slice(end..a.len()));
        given
    }
}
