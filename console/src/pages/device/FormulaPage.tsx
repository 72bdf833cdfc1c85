/** A tag that is computed of others: made, seen working, changed, removed. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Link, useParams, useSearchParams } from 'react-router'

import { api } from '../../api/client'
import { configQuery, queryClient, sqlTablesQuery } from '../../api/queries'
import { FormulaEditor } from '../../components/FormulaEditor'
import { FormulaPreview } from '../../components/FormulaPreview'
import { formulaCompletionOf } from '../../components/ruleCompletion'
import type { EditorHandle } from '../../components/YamlEditor'
import { FormulaSettings } from '../../forms/FormulaSettings'
import { aboutFormula, useFormulaCheck } from '../../hooks/useFormulaCheck'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { deviceIn, withoutTag } from '../../lib/document'
import { emptyFormula, formulaIn, formulaProblems, withFormula, type FormulaForm } from '../../lib/formula'
import { formulaFunctions } from '../../lib/formulaComplete'
import { loadFormula, saveFormula } from '../../lib/formulaStore'
import { plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { ReviewDevice } from '../commission/ReviewDevice'
import { DeviceHead, useDevice } from './DeviceHead'
import { presentDevice, type Present } from './present'

export function FormulaPage() {
  const name = useParams()['device'] ?? ''
  const tag = useSearchParams()[0].get('tag') ?? ''
  useTitle(tag === '' ? `Calculated tag · ${name}` : `Formula of ${tag} · ${name}`)
  const me = useMe()
  const text = useSuspenseQuery(configQuery).data?.text ?? ''
  const present = useMemo(() => presentDevice(text, name), [text, name])
  const original = useMemo(() => (present === undefined ? undefined : tag === '' ? emptyFormula(present.groups) : formulaIn(present.device, tag)), [present, tag])
  const cannot = whyNot(me.role, 'engineer', 'Changing formulas')
  return (
    <div className="page formula-page">
      <DeviceHead name={name} page="Calculated tag" />
      {cannot !== undefined && <Notice tone="info" title={cannot} />}
      {cannot === undefined && present === undefined && (
        <Notice tone="info" title="The configuration does not describe this device in a way the console can read">
          <span>
            <Link to={paths.config}>Open the configuration as text</Link> and write the formula there.
          </span>
        </Notice>
      )}
      {cannot === undefined && present !== undefined && original === undefined && <NotHere present={present} tag={tag} />}
      {cannot === undefined && present !== undefined && original !== undefined && <Workbench key={`${name}/${tag}`} present={present} original={original} />}
    </div>
  )
}

/** A tag that the device's own part of the configuration does not compute. */
function NotHere({ present, tag }: { present: Present; tag: string }) {
  const { template, name } = present.device
  if (present.names.has(tag)) {
    return (
      <Notice tone="info" title={`${tag} has no formula: it is read from the device`}>
        <span>
          <Link to={paths.newFormula(name)}>Write a new calculated tag</Link>, which may read it.
        </span>
      </Notice>
    )
  }
  if (template !== undefined) {
    return (
      <Notice tone="info" title={`${tag} is a tag of the template ${template}, and so is its formula`}>
        <span>
          <Link to={paths.config}>Change it in the template</Link>, in the configuration as text: it changes for every device of the template. What only {name} is to have is a{' '}
          <Link to={paths.newFormula(name)}>calculated tag of its own</Link>.
        </span>
      </Notice>
    )
  }
  return (
    <Notice tone="info" title={`${name} has no tag ${tag}`}>
      <span>
        It may have been renamed or removed. <Link to={paths.device(name)}>Look at its tags</Link>, or <Link to={paths.newFormula(name)}>write a new one</Link>.
      </span>
    </Notice>
  )
}

type Review = 'change' | 'remove' | undefined

/** What was typed, kept for the tab; what somebody else changed meanwhile replaces it only where nothing was typed. */
function useDraft(device: string, original: FormulaForm) {
  const base = JSON.stringify(original)
  const tag = original.name
  const [draft, setDraft] = useState(() => loadFormula(device, tag) ?? { base, form: original })
  const { form } = draft
  const changed = JSON.stringify(form) !== base
  // Once it is saved or given up, nothing of it is kept.
  const over = useRef(false)
  useEffect(() => saveFormula(device, tag, changed && !over.current ? draft : undefined), [device, tag, changed, draft])
  useEffect(() => setDraft((before) => (before.base !== base && JSON.stringify(before.form) === before.base ? { base, form: JSON.parse(base) as FormulaForm } : before)), [base])
  return {
    form,
    changed,
    outdated: changed && draft.base !== base,
    change: (part: Partial<FormulaForm>) => setDraft((before) => ({ ...before, form: { ...before.form, ...part } })),
    discard: () => {
      saveFormula(device, tag, undefined)
      setDraft({ base, form: original })
    },
    forget: () => {
      over.current = true
      saveFormula(device, tag, undefined)
    },
  }
}

function Workbench({ present, original }: { present: Present; original: FormulaForm }) {
  const { name: device, template } = present.device
  const all = useDevice(device).groups
  const { form, changed, outdated, change, discard, forget } = useDraft(device, original)
  const [tried, setTried] = useState(false)
  const [review, setReview] = useState<Review>()
  const editor = useRef<EditorHandle>(null)
  const complete = useCompletion(device)
  const check = useFormulaCheck(device, form.formula, form.type)
  const taken = useMemo(() => new Set([...present.names].filter((each) => each !== original.name)), [present, original.name])
  const problems = formulaProblems(form, taken, all)
  const findings = check.state === 'checked' && check.about === aboutFormula(form.formula, form.type) ? (check.result?.findings.length ?? 0) : 0
  const save = () => {
    setTried(true)
    if (problems.size === 0 && findings === 0 && changed) setReview('change')
  }
  const fresh = original.name === ''
  return (
    <>
      <div>
        <h2>{fresh ? 'New calculated tag' : `Formula of ${original.name}`}</h2>
        <p className="muted">Its value is computed of other tags whenever its group is read. A tag that is bad makes it bad, unless it stands in coalesce(…) or before IS NULL.</p>
      </div>
      {fresh && template !== undefined && <Notice tone="info" title={`Tags of the template ${template} are changed in the template; this one is ${device}’s alone`} />}
      {outdated && (
        <Notice tone="warn" title="Somebody else changed this tag after you began">
          <span>Reviewing compares yours with what runs now.</span>
          <div>
            <Button onClick={discard}>Discard mine, take the newer one</Button>
          </div>
        </Notice>
      )}
      <div className="formula-split">
        <FormulaEditor
          ref={editor}
          formula={form.formula}
          check={check}
          complete={complete}
          readOnly={false}
          problem={tried ? problems.get('formula') : undefined}
          onChange={(formula) => change({ formula })}
          onRun={save}
          onChoose={({ line, column }) => editor.current?.goTo(line, column)}
        />
        <FormulaPreview device={device} check={check} unit={form.unit} type={form.type} />
        <FormulaSettings form={form} groups={present.groups} original={original.name} problems={tried ? problems : new Map()} onChange={change} />
      </div>
      <div className={changed ? 'step-foot rule-foot' : 'step-foot rule-foot is-idle'}>
        <Button kind="primary" onClick={save} whyNot={!changed ? 'Nothing is changed yet.' : findings > 0 ? `Mend ${plural(findings, 'finding')} first.` : undefined}>
          Review and save
        </Button>
        {changed && (
          <Button
            onClick={() => {
              discard()
              setTried(false)
            }}
          >
            Discard changes
          </Button>
        )}
        <span role="status" className="problem">
          {tried && problems.size > 0 && `${plural(problems.size, 'field')} to mend.`}
        </span>
      </div>
      {!fresh && (
        <section className="panel" aria-labelledby="remove-tag">
          <header>
            <h2 id="remove-tag">Remove this tag</h2>
          </header>
          <div className="body form">
            <p>It is no longer computed. What was recorded of it is kept as long as the history keeps it, and an earlier revision brings it back. A formula or rule that reads it is named in the review.</p>
            <div>
              <Button kind="danger" onClick={() => setReview('remove')}>
                Remove {original.name}…
              </Button>
            </div>
          </div>
        </section>
      )}
      {review !== undefined && (
        <ReviewDevice
          edit={(running) => {
            const now = running?.text ?? ''
            const there = deviceIn(now, device)
            if (there === undefined) return now
            return review === 'remove' ? withoutTag(now, device, original.name) : withFormula(now, there, original.name, form)
          }}
          comment={review === 'remove' ? `Remove ${device}/${original.name}` : fresh ? `Calculated tag ${device}/${form.name}` : `Formula of ${device}/${form.name}`}
          to={review === 'remove' ? paths.device(device) : paths.tag(device, form.name)}
          back={paths.device(device)}
          onClose={() => setReview(undefined)}
          onSaved={forget}
        />
      )}
    </>
  )
}

/** Enough to hold those of a small plant at once; of a larger one, what fits what is typed. */
const tagsMost = 1_000

function useCompletion(device: string) {
  const { functions } = useSuspenseQuery(sqlTablesQuery).data
  const own = useQuery({ queryKey: ['formula-tags', device], queryFn: ({ signal }) => api.tags(device, { offset: 0, limit: tagsMost }, signal), staleTime: 30_000 }).data
  return useMemo(() => {
    const listed = (filter: string) =>
      queryClient.fetchQuery({ queryKey: ['formula-tags', '', filter], queryFn: ({ signal }) => api.allTags({ filter: filter === '' ? undefined : filter, limit: tagsMost }, signal), staleTime: 30_000 })
    const find = async (typed: string) => {
      const mine = own?.items ?? []
      try {
        const all = await listed('')
        const found = all.items.length < all.total ? await listed(typed.replace('"', '').replace(/^.*\//, '')) : all
        return [...mine, ...found.items.filter((tag) => tag.device !== device)]
      } catch {
        // Names that are not proposed can be typed.
        return mine
      }
    }
    return formulaCompletionOf(device, find, formulaFunctions(functions))
  }, [device, functions, own])
}
