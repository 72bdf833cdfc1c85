//! stub
pub struct Program;
impl Program {
    pub fn compile(_: &str) -> Result<Program, String> {
        Ok(Program)
    }
}
