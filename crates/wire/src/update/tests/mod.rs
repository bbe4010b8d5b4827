mod codec;
mod evaluation;
mod machine;
mod searching;
