//! `tagwerk`: the edge and its command line.

fn main() -> std::process::ExitCode {
    tagwerk_edge::cli::main()
}
