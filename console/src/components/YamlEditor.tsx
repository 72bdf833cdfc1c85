/** A text editor for YAML with findings at their lines.
 *
 * It lives in a shadow root: the editor makes its styles at run time, which a page under
 * `default-src 'self'` may not do with <style>, but a shadow root may with adopted style sheets. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { yaml } from '@codemirror/lang-yaml'
import { bracketMatching, foldGutter, foldKeymap, indentUnit } from '@codemirror/language'
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint'
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search'
import { Compartment, EditorState, type Text } from '@codemirror/state'
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view'
import { useEffect, useImperativeHandle, useRef, type Ref } from 'react'

import type { Finding } from '../api/types'
import { useEditorText } from '../hooks/useEditorText'
import { colours, position, theme } from './editorLook'

export interface EditorHandle {
  goTo: (line: number, column: number) => void
  insert: (text: string) => void
}

interface Props {
  ref?: Ref<EditorHandle>
  label: string
  /** a change from outside replaces the text of the editor */
  value: string
  onChange?: (text: string) => void
  findings?: Finding[]
  readOnly?: boolean
}

export function YamlEditor({ ref, label, value, onChange, findings, readOnly = false }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | undefined>(undefined)
  const access = useRef(new Compartment())
  const changed = useRef(onChange)
  useEffect(() => {
    changed.current = onChange
  })
  const initial = useRef(value)
  const tell = useEditorText(view, value)

  useEffect(() => {
    const element = host.current
    if (element === null) return
    // React runs effects twice in development; a host keeps its one shadow root.
    const root = element.shadowRoot ?? element.attachShadow({ mode: 'open' })
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: initial.current,
        extensions: [
          lineNumbers(),
          lintGutter(),
          foldGutter(),
          history(),
          drawSelection(),
          bracketMatching(),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          highlightSelectionMatches(),
          search({ top: true }),
          yaml(),
          indentUnit.of('  '),
          theme,
          colours,
          // Escape, then Tab leaves the editor.
          keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...foldKeymap, ...lintKeymap, indentWithTab]),
          access.current.of([]),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return
            const text = update.state.doc.toString()
            tell.current(text)
            changed.current?.(text)
          }),
        ],
      }),
    })
    view.current = editor
    return () => {
      editor.destroy()
      view.current = undefined
    }
  }, [tell])

  useEffect(() => {
    view.current?.dispatch({
      effects: access.current.reconfigure([
        EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({ 'aria-label': label, 'aria-readonly': String(readOnly) }),
      ]),
    })
  }, [label, readOnly])

  useEffect(() => {
    const editor = view.current
    if (editor === undefined) return
    editor.dispatch(setDiagnostics(editor.state, (findings ?? []).map((each) => diagnostic(each, editor.state.doc))))
  }, [findings])

  useImperativeHandle(ref, () => ({
    goTo: (line, column) => {
      const editor = view.current
      if (editor === undefined) return
      const at = position(editor.state.doc, line, column)
      editor.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) })
      editor.focus()
    },
    insert: (text) => {
      const editor = view.current
      if (editor === undefined) return
      editor.dispatch(editor.state.replaceSelection(text), { scrollIntoView: true })
      editor.focus()
    },
  }))

  return <div className="yaml-editor" ref={host} />
}

function diagnostic(finding: Finding, doc: Text): Diagnostic {
  const from = position(doc, finding.line, finding.column)
  const { to, text, from: start } = doc.lineAt(from)
  const first = start + (text.length - text.trimStart().length)
  return {
    from: from >= to ? Math.min(first, to) : from,
    to,
    severity: finding.weight,
    message: `${finding.problem}\n${finding.remedy}`,
  }
}
