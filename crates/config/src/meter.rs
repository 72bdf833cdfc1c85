//! Bounds what the YAML parser reads for one event. In front of a flow collection it holds every token
//! of it (some 180 bytes for each byte) before it gives out the first, to see whether the collection
//! is a key.

use saphyr_parser::input::SkipTabs;
use saphyr_parser::{Input, StrInput};
use std::cell::Cell;
use std::rc::Rc;

/// Bytes of one flow collection or scalar, comments left out. More: a finding.
pub(crate) const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// What is left of the allowance; shared by the input, inside the parser, and its owner.
#[derive(Clone, Default)]
pub(crate) struct Allowance(Rc<Cell<usize>>);

impl Allowance {
    pub fn renew(&self) {
        self.0.set(EVENT_BYTES_MAX);
    }

    pub fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

/// A text that ends, for the parser, where the allowance does.
pub(crate) struct Metered<'t> {
    text: StrInput<'t>,
    allowance: Allowance,
}

impl<'t> Metered<'t> {
    pub fn new(text: &'t str, allowance: Allowance) -> Metered<'t> {
        Metered { text: StrInput::new(text), allowance }
    }

    #[inline]
    fn spend(&mut self, count: usize) {
        let left = self.allowance.0.get().saturating_sub(count);
        self.allowance.0.set(left);
        if left == 0 {
            self.text = StrInput::new("");
        }
    }
}

impl Input for Metered<'_> {
    #[inline]
    fn lookahead(&mut self, count: usize) {
        self.text.lookahead(count);
    }

    #[inline]
    fn buflen(&self) -> usize {
        self.text.buflen()
    }

    #[inline]
    fn bufmaxlen(&self) -> usize {
        self.text.bufmaxlen()
    }

    #[inline]
    fn buf_is_empty(&self) -> bool {
        self.text.buf_is_empty()
    }

    #[inline]
    fn raw_read_ch(&mut self) -> char {
        self.spend(1);
        self.text.raw_read_ch()
    }

    #[inline]
    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        self.spend(1);
        self.text.raw_read_non_breakz_ch()
    }

    #[inline]
    fn skip(&mut self) {
        self.text.skip();
        self.spend(1);
    }

    #[inline]
    fn skip_n(&mut self, count: usize) {
        self.text.skip_n(count);
        self.spend(count);
    }

    #[inline]
    fn peek(&self) -> char {
        self.text.peek()
    }

    #[inline]
    fn peek_nth(&self, n: usize) -> char {
        self.text.peek_nth(n)
    }

    #[inline]
    fn peek_opt(&self) -> Option<char> {
        self.text.peek_opt()
    }

    #[inline]
    fn next_is_document_indicator(&self) -> bool {
        self.text.next_is_document_indicator()
    }

    #[inline]
    fn next_is_document_start(&self) -> bool {
        self.text.next_is_document_start()
    }

    #[inline]
    fn next_is_document_end(&self) -> bool {
        self.text.next_is_document_end()
    }

    fn skip_ws_to_eol(&mut self, skip_tabs: SkipTabs) -> (usize, Result<SkipTabs, &'static str>) {
        self.text.skip_ws_to_eol(skip_tabs)
    }

    #[inline]
    fn next_can_be_plain_scalar(&self, in_flow: bool) -> bool {
        self.text.next_can_be_plain_scalar(in_flow)
    }

    #[inline]
    fn next_is_blank_or_breakz(&self) -> bool {
        self.text.next_is_blank_or_breakz()
    }

    /// Comments, which cost nothing.
    fn skip_while_non_breakz(&mut self) -> usize {
        self.text.skip_while_non_breakz()
    }

    fn skip_while_blank(&mut self) -> usize {
        self.text.skip_while_blank()
    }

    fn fetch_while_is_alpha(&mut self, out: &mut String) -> usize {
        let count = self.text.fetch_while_is_alpha(out);
        self.spend(count);
        count
    }

    fn fetch_while_is_yaml_non_space(&mut self, out: &mut String) -> usize {
        let count = self.text.fetch_while_is_yaml_non_space(out);
        self.spend(count);
        count
    }
}
