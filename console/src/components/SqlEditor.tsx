/** A text editor for SQL, in a shadow root for the reasons of YamlEditor. Tab leaves it; Ctrl+Enter runs. */
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { PostgreSQL, sql } from '@codemirror/lang-sql'
import { bracketMatching } from '@codemirror/language'
import { lintGutter, setDiagnostics } from '@codemirror/lint'
import { EditorState, Prec } from '@codemirror/state'
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { useEffect, useImperativeHandle, useLayoutEffect, useRef, type Ref } from 'react'

import { useEditorText } from '../hooks/useEditorText'
import type { Place } from '../lib/sql'
import { colours, position, theme } from './editorLook'
import type { EditorHandle } from './YamlEditor'

interface Props {
  ref?: Ref<EditorHandle>
  label: string
  /** a change from outside replaces the text of the editor */
  value: string
  onChange: (text: string) => void
  /** with the text as it stands, which may be newer than what the page knows */
  onRun: (text: string) => void
  wrong: { place: Place; problem: string } | undefined
}

/** The page scrolls, not the space under a short query. */
const compact = EditorView.theme({ '.cm-content': { paddingBottom: '12px' } })

export function SqlEditor({ ref, label, value, onChange, onRun, wrong }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | undefined>(undefined)
  const latest = useRef({ onChange, onRun })
  useLayoutEffect(() => {
    latest.current = { onChange, onRun }
  })
  const initial = useRef({ value, label })
  const tell = useEditorText(view, value)

  useEffect(() => {
    const element = host.current
    if (element === null) return
    const root = element.shadowRoot ?? element.attachShadow({ mode: 'open' })
    const run = (running: EditorView) => {
      latest.current.onRun(running.state.doc.toString())
      return true
    }
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: initial.current.value,
        extensions: [
          lineNumbers(),
          lintGutter(),
          history(),
          drawSelection(),
          bracketMatching(),
          highlightActiveLine(),
          EditorView.lineWrapping,
          sql({ dialect: PostgreSQL }),
          Prec.highest(compact),
          theme,
          colours,
          Prec.highest(keymap.of([{ key: 'Mod-Enter', run }])),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          EditorView.contentAttributes.of({ 'aria-label': initial.current.label }),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return
            const text = update.state.doc.toString()
            tell.current(text)
            latest.current.onChange(text)
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
    const editor = view.current
    if (editor === undefined) return
    const { doc } = editor.state
    const from = wrong === undefined ? 0 : position(doc, wrong.place.line, wrong.place.column)
    const word = /^[\w".]+/.exec(doc.sliceString(from, Math.min(doc.length, from + 80)))?.[0].length ?? 1
    editor.dispatch(setDiagnostics(editor.state, wrong === undefined ? [] : [{ from, to: Math.min(doc.length, from + word), severity: 'error', message: wrong.problem }]))
  }, [wrong])

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

  return <div className="sql-editor" ref={host} />
}
