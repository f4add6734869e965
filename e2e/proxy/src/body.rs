//! Bodies of answers: whole ones, and streams that can be ended at will.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};

use crate::rule::CutMode;
use crate::streams::Membership;

/// The connection breaks: for the client as if the network had failed.
#[derive(Debug)]
pub(crate) struct Cut(pub(crate) String);

impl std::fmt::Display for Cut {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "the connection was cut: {}", self.0)
    }
}

impl std::error::Error for Cut {}

/// A body of an answer.
pub(crate) type Reply = UnsyncBoxBody<Bytes, Cut>;

/// A body that is there already.
pub(crate) fn whole(bytes: Bytes) -> Reply {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A body that is passed on as it comes.
pub(crate) fn passed_on(body: Incoming) -> Reply {
    body.map_err(|error| Cut(error.to_string())).boxed_unsync()
}

/// A stream of events that ends when the API server ends it, or when `end` says how.
pub(crate) fn events(
    body: Incoming,
    end: impl Future<Output = CutMode> + Send + 'static,
    membership: Membership,
) -> Reply {
    Events { body, end: Box::pin(end), state: State::Flowing, _membership: membership }.boxed_unsync()
}

struct Events {
    body: Incoming,
    end: Pin<Box<dyn Future<Output = CutMode> + Send>>,
    state: State,
    _membership: Membership,
}

enum State {
    Flowing,
    Silent,
    Over,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.state {
            State::Over => return Poll::Ready(None),
            State::Silent => return Poll::Pending,
            State::Flowing => {}
        }
        if let Poll::Ready(mode) = self.end.as_mut().poll(context) {
            self.state = if mode == CutMode::Hang { State::Silent } else { State::Over };
            return match mode {
                CutMode::Break => Poll::Ready(Some(Err(Cut("by a rule".to_owned())))),
                CutMode::End => Poll::Ready(None),
                CutMode::Hang => Poll::Pending,
            };
        }
        Pin::new(&mut self.body).poll_frame(context).map_err(|error| Cut(error.to_string()))
    }
}
