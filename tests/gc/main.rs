//! The recorder of collections against simple models.

mod histogram;
mod observer;
mod ring;
mod threads;
