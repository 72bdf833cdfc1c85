/** The configuration: written as text, checked as one types, reviewed, then applied. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useCallback, useMemo, useRef, useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { configQuery, queryClient } from '../api/queries'
import type { ApplyResult } from '../api/types'
import { Failure } from '../components/Failure'
import { FindingList } from '../components/FindingList'
import { PageHead } from '../components/PageHead'
import { Reference } from '../components/Reference'
import { ConfigTabs } from '../components/Tabs'
import { YamlEditor, type EditorHandle } from '../components/YamlEditor'
import { ReviewChanges } from '../forms/ReviewChanges'
import { useLint, type Lint } from '../hooks/useLint'
import { useMe } from '../hooks/useMe'
import { useTitle } from '../hooks/useTitle'
import { download } from '../lib/download'
import { loadDraft, saveDraft, type Draft } from '../lib/draft'
import { plural } from '../lib/numbers'
import { may, whyNot } from '../lib/roles'
import { starter } from '../lib/starter'
import { moment } from '../lib/time'
import { paths } from '../paths'
import { Button } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { Notice } from '../ui/Notice'

export function ConfigPage() {
  useTitle('Configuration')
  const me = useMe()
  const running = useSuspenseQuery(configQuery).data
  const [search, setSearch] = useSearchParams()
  const [draft, setDraft] = useState<Draft>(() => first(running, me.edge, search.has('starter')))
  const [applied, setApplied] = useState<ApplyResult | undefined>()
  const [opened, setOpened] = useState<string | undefined>()
  const editor = useRef<EditorHandle>(null)
  const engineer = may(me.role, 'engineer')
  const lint = useLint(draft.text, engineer && draft.text.trim() !== '')
  const findings = useMemo(() => lint.result?.findings ?? [], [lint.result])
  const dirty = running === null ? draft.text.trim() !== '' : draft.text !== running.text

  const edit = useCallback(
    (text: string) =>
      setDraft((before) => {
        const next = { ...before, text }
        saveDraft(text === running?.text ? undefined : next)
        return next
      }),
    [running?.text],
  )
  const open = (panel: string | undefined) =>
    setSearch(
      (before) => {
        before.delete('starter')
        if (panel === undefined) before.delete('open')
        else before.set('open', panel)
        return before
      },
      { replace: panel === undefined },
    )
  const reload = async () => {
    const fresh = await queryClient.fetchQuery({ ...configQuery, staleTime: 0 })
    saveDraft(undefined)
    setDraft({ base: fresh?.revision ?? 0, text: fresh?.text ?? '' })
    open(undefined)
  }
  const errors = findings.filter((finding) => finding.weight === 'error').length
  const cannotReview =
    whyNot(me.role, 'engineer', 'Changing the configuration') ??
    (draft.text.trim() === '' ? 'Write or open a configuration first.' : undefined) ??
    (dirty ? undefined : 'Nothing is changed yet.') ??
    (errors > 0 && lint.text === draft.text ? `Mend ${plural(errors, 'error')} first.` : undefined)

  return (
    <div className="page page-config">
      <PageHead
        title="Configuration"
        lead={
          running === null ? (
            'None was applied yet.'
          ) : (
            <>
              Revision {running.revision} is running, applied {moment(running.applied_at)} by {running.by}. <Link to={paths.revisions}>All revisions</Link>
            </>
          )
        }
      />
      <ConfigTabs />
      <div className="config-tools">
        <Button kind="primary" onClick={() => open('review')} whyNot={cannotReview}>
          Review changes
        </Button>
        {dirty && running !== null && <Button onClick={() => void reload()}>Discard changes</Button>}
        <Button icon="book" onClick={() => open('reference')}>
          Reference
        </Button>
        {engineer && (
          <OpenFile
            onText={(name, text) => {
              edit(text)
              setOpened(name)
            }}
          />
        )}
        {draft.text !== '' && (
          <Button icon="download" onClick={() => download(`${me.edge}.yaml`, draft.text)}>
            Download
          </Button>
        )}
        {engineer && draft.text.trim() === '' && <Button onClick={() => edit(starter(me.edge))}>Insert the starter example</Button>}
      </div>
      <div role="status" className="config-status">
        {applied !== undefined && !dirty && (
          <Notice tone="good" title={`Revision ${applied.revision} is running`}>
            <span>
              {plural(applied.changes, 'change')} applied.{' '}
              <Link to={paths.overview}>See on the overview whether all tags stay good</Link>
            </span>
          </Notice>
        )}
        {opened !== undefined && dirty && <p className="small muted">Opened {opened}. Nothing is applied yet.</p>}
        {running !== null && dirty && draft.base !== running.revision && (
          <Notice tone="warn" title={`Your text started from revision ${draft.base}, but revision ${running.revision} is running`}>
            <span>It was applied by {running.by}. Reviewing compares your text with what is running now.</span>
          </Notice>
        )}
      </div>
      <div className="config-split">
        <section className="panel editor-panel" aria-label="Editor">
          <YamlEditor
            ref={editor}
            label={engineer ? 'Configuration in YAML' : 'Configuration in YAML, read only'}
            value={draft.text}
            onChange={edit}
            findings={findings}
            readOnly={!engineer}
          />
        </section>
        <section className="panel findings-panel" aria-labelledby="findings">
          <header>
            <h2 id="findings">Findings</h2>
            <LintState lint={lint} />
          </header>
          {lint.state === 'off' && (
            <p className="body muted">
              {engineer
                ? 'The text is empty.'
                : `You can read the configuration. Changing it needs the role engineer; you are ${me.role}.`}
            </p>
          )}
          {lint.state === 'failed' && (
            <div className="body">
              <Failure error={lint.error} />
            </div>
          )}
          {lint.state === 'checked' && findings.length === 0 && (
            <p className="body muted">
              Nothing to mend.{dirty && ' Review the changes to see what they do to the devices.'}
            </p>
          )}
          <FindingList
            findings={findings}
            dropped={lint.result?.dropped ?? 0}
            onChoose={(finding) => editor.current?.goTo(finding.line, finding.column)}
          />
          <p className="body small muted">In the editor: Ctrl+F searches; Escape, then Tab leaves it.</p>
        </section>
      </div>
      {search.get('open') === 'reference' && (
        <Reference
          onClose={() => open(undefined)}
          onInsert={
            engineer
              ? (text) => {
                  open(undefined)
                  // The dialog gives the focus back first.
                  window.setTimeout(() => editor.current?.insert(text))
                }
              : undefined
          }
        />
      )}
      {search.get('open') === 'review' && dirty && (
        <ReviewChanges
          draft={draft}
          running={running}
          onClose={() => open(undefined)}
          onDiscard={() => void reload()}
          onRebase={(base) => setDraft((before) => ({ ...before, base }))}
          onApplied={async (result) => {
            setApplied(result)
            setOpened(undefined)
            await reload()
          }}
        />
      )}
    </div>
  )
}

function first(running: { revision: number; text: string } | null, edge: string, wantsStarter: boolean): Draft {
  const kept = loadDraft()
  if (kept !== undefined) return kept
  if (running === null) return { base: 0, text: starter(edge) }
  const empty = running.text.trim() === '' || (wantsStarter && !/^devices:/m.test(running.text))
  return { base: running.revision, text: empty ? starter(edge) : running.text }
}

function LintState({ lint }: { lint: Lint }) {
  const findings = lint.result?.findings ?? []
  const errors = findings.filter((finding) => finding.weight === 'error').length + (lint.result?.dropped ?? 0)
  const warnings = findings.filter((finding) => finding.weight === 'warning').length
  return (
    <span role="status" className="lint-state small">
      {lint.state === 'checking' && <span className="muted">checking…</span>}
      {lint.state === 'checked' && errors === 0 && warnings === 0 && (
        <span className="mark good">
          <Icon name="check" /> no findings
        </span>
      )}
      {lint.state === 'checked' && errors > 0 && (
        <span className="mark bad">
          <Icon name="cross" /> {plural(errors, 'error')}
        </span>
      )}
      {lint.state === 'checked' && warnings > 0 && (
        <span className="mark warn">
          <Icon name="warning" /> {plural(warnings, 'warning')}
        </span>
      )}
    </span>
  )
}

function OpenFile({ onText }: { onText: (name: string, text: string) => void }) {
  return (
    <label className="button open-file">
      <Icon name="upload" />
      Open file…
      <input
        type="file"
        className="visually-hidden"
        accept=".yaml,.yml,text/yaml"
        aria-label="Open a configuration file"
        onChange={async (event) => {
          const input = event.currentTarget
          const file = input.files?.[0]
          if (file !== undefined) onText(file.name, await file.text())
          input.value = ''
        }}
      />
    </label>
  )
}

