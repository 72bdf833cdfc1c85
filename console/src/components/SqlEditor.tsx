/** A text editor for SQL, in a shadow root for the reasons of YamlEditor. Tab leaves it; Ctrl+Enter runs. */
import { autocompletion, type CompletionSource } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { PostgreSQL, sql } from '@codemirror/lang-sql'
import { bracketMatching } from '@codemirror/language'
import { lintGutter, setDiagnostics } from '@codemirror/lint'
import { Compartment, EditorState, Prec, type Text } from '@codemirror/state'
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
  wrong: readonly Wrong[]
  /** what could be typed next */
  complete?: CompletionSource
  readOnly?: boolean
}

export interface Wrong {
  place: Place
  problem: string
}

/** The page scrolls, not the space under a short query. */
const compact = EditorView.theme({ '.cm-content': { paddingBottom: '12px' } })

function marked({ place, problem }: Wrong, doc: Text) {
  const from = position(doc, place.line, place.column)
  const word = /^(?:"[^"]*"|[\w.])+/.exec(doc.sliceString(from, Math.min(doc.length, from + 80)))?.[0].length ?? 1
  return { from, to: Math.min(doc.length, from + word), severity: 'error' as const, message: problem }
}

export function SqlEditor({ ref, label, value, onChange, onRun, wrong, complete, readOnly = false }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | undefined>(undefined)
  const access = useRef(new Compartment())
  const latest = useRef({ onChange, onRun, complete })
  useLayoutEffect(() => {
    latest.current = { onChange, onRun, complete }
  })
  const initial = useRef({ value, completes: complete !== undefined })
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
          initial.current.completes ? autocompletion({ override: [(context) => latest.current.complete?.(context) ?? null], icons: false }) : [],
          access.current.of([]),
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
    view.current?.dispatch({
      effects: access.current.reconfigure([EditorState.readOnly.of(readOnly), EditorView.contentAttributes.of({ 'aria-label': label, 'aria-readonly': String(readOnly) })]),
    })
  }, [label, readOnly])

  useEffect(() => {
    const editor = view.current
    if (editor === undefined) return
    editor.dispatch(setDiagnostics(editor.state, wrong.map((each) => marked(each, editor.state.doc))))
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
