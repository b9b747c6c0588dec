//! A value that is made once for all who ask for it, also by several calls at a time.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A value made at first use. While it is made, others wait for it; when making fails, the next one who asks tries again.
#[derive(Debug)]
pub struct Once<T> {
    state: RefCell<State<T>>,
}

#[derive(Debug)]
enum State<T> {
    Empty,
    Making(Vec<Waker>),
    Made(Rc<T>),
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self {
            state: RefCell::new(State::Empty),
        }
    }
}

impl<T> Once<T> {
    /// The value, made if nobody has made it yet.
    ///
    /// # Errors
    /// What `make` gives; the next call tries again.
    pub async fn get<E>(&self, make: impl AsyncFnOnce() -> Result<T, E>) -> Result<Rc<T>, E> {
        let made = std::future::poll_fn(|context| match &mut *self.state.borrow_mut() {
            State::Made(value) => Poll::Ready(Some(Rc::clone(value))),
            State::Making(waiting) => {
                waiting.push(context.waker().clone());
                Poll::Pending
            }
            state @ State::Empty => {
                *state = State::Making(Vec::new());
                Poll::Ready(None)
            }
        })
        .await;
        if let Some(value) = made {
            return Ok(value);
        }
        // From here on this call makes it. Should it be dropped half-way, the guard lets the next one try.
        let turn = Turn(self);
        let value = Rc::new(make().await?);
        turn.0.settle(State::Made(Rc::clone(&value)));
        std::mem::forget(turn);
        Ok(value)
    }

    fn settle(&self, state: State<T>) {
        if let State::Making(waiting) = self.state.replace(state) {
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}

/// Gives the turn to the next one unless the value was made.
struct Turn<'a, T>(&'a Once<T>);

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.0.settle(State::Empty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::task::Context;

    /// Yields once, then goes on.
    async fn pause() {
        let mut first = true;
        std::future::poll_fn(move |context| {
            if std::mem::take(&mut first) {
                context.waker().wake_by_ref();
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    #[test]
    fn two_at_a_time_make_it_once() {
        let once = Once::default();
        let made = Cell::new(0);
        let ask = async || {
            once.get(async || {
                pause().await;
                made.set(made.get() + 1);
                Ok::<_, ()>(7)
            })
            .await
        };
        let (mut one, mut two) = (Box::pin(ask()), Box::pin(ask()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(one.as_mut().poll(&mut context).is_pending());
        assert!(two.as_mut().poll(&mut context).is_pending());
        assert_eq!(one.as_mut().poll(&mut context), Poll::Ready(Ok(Rc::new(7))));
        assert_eq!(two.as_mut().poll(&mut context), Poll::Ready(Ok(Rc::new(7))));
        assert_eq!(made.get(), 1);
    }

    #[test]
    fn a_failure_or_a_dropped_call_lets_the_next_one_try() {
        let once = Once::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut failing = Box::pin(once.get(async || Err::<i32, _>("no")));
        assert_eq!(failing.as_mut().poll(&mut context), Poll::Ready(Err("no")));
        {
            let mut dropped = Box::pin(once.get(async || {
                pause().await;
                Ok::<_, &str>(1)
            }));
            assert!(dropped.as_mut().poll(&mut context).is_pending());
        }
        let mut last = Box::pin(once.get(async || Ok::<_, &str>(2)));
        assert_eq!(
            last.as_mut().poll(&mut context),
            Poll::Ready(Ok(Rc::new(2)))
        );
    }
}
