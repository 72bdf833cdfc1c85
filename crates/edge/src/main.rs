//! `tagwerk`: the edge and its command line.

fn main() -> std::process::ExitCode {
    tagwerk_env::share_memory();
    tagwerk_edge::cli::main()
}
