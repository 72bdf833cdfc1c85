/** A tag that is computed of others: made, seen working, changed, removed. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { Link, useParams, useSearchParams } from 'react-router'

import { api } from '../../api/client'
import { queryClient, sqlTablesQuery } from '../../api/queries'
import { CheckedEditor } from '../../components/CheckedEditor'
import { FormulaPreview } from '../../components/FormulaPreview'
import { NeedsRole } from '../../components/NeedsRole'
import { formulaCompletionOf } from '../../components/ruleCompletion'
import { Undescribed } from '../../components/Undescribed'
import type { EditorHandle } from '../../components/YamlEditor'
import { FormulaSettings } from '../../forms/FormulaSettings'
import { ItemForm } from '../../forms/ItemForm'
import { RemoveItem } from '../../forms/RemoveItem'
import { useConfigText } from '../../hooks/useConfigText'
import { useFormDraft } from '../../hooks/useFormDraft'
import { aboutFormula, useFormulaCheck } from '../../hooks/useFormulaCheck'
import { useTitle } from '../../hooks/useTitle'
import { deviceIn, withoutTag } from '../../lib/document'
import { emptyFormula, formulaIn, formulaProblems, withFormula, type FormulaForm } from '../../lib/formula'
import { formulaFunctions } from '../../lib/formulaComplete'
import { paths } from '../../paths'
import { Notice } from '../../ui/Notice'
import { DeviceHead, useDevice } from './DeviceHead'
import { presentDevice, type Present } from './present'

export function FormulaPage() {
  const name = useParams()['device'] ?? ''
  const tag = useSearchParams()[0].get('tag') ?? ''
  useTitle(tag === '' ? `Calculated tag · ${name}` : `Formula of ${tag} · ${name}`)
  const text = useConfigText()
  const present = useMemo(() => presentDevice(text, name), [text, name])
  const original = useMemo(() => (present === undefined ? undefined : tag === '' ? emptyFormula(present.groups) : formulaIn(present.device, tag)), [present, tag])
  return (
    <div className="page formula-page">
      <DeviceHead name={name} page="Calculated tag" />
      <NeedsRole needed="engineer" what="Changing formulas">
        {present === undefined && <Undescribed what="device" then="write the formula there" />}
        {present !== undefined && original === undefined && <NotHere present={present} tag={tag} />}
        {present !== undefined && original !== undefined && <Workbench key={`${name}/${tag}`} present={present} original={original} />}
      </NeedsRole>
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

function Workbench({ present, original }: { present: Present; original: FormulaForm }) {
  const { name: device, template } = present.device
  const all = useDevice(device).groups
  const draft = useFormDraft(`tag ${device}/${original.name}`, original)
  const { form, changed, tried, change } = draft
  const editor = useRef<EditorHandle>(null)
  const complete = useCompletion(device)
  const check = useFormulaCheck(device, form.formula, form.type)
  const taken = useMemo(() => new Set([...present.names].filter((each) => each !== original.name)), [present, original.name])
  const problems = formulaProblems(form, taken, all)
  const findings = check.state === 'checked' && check.about === aboutFormula(form.formula, form.type) ? (check.result?.findings.length ?? 0) : 0
  const fresh = original.name === ''
  return (
    <>
      <div>
        <h2>{fresh ? 'New calculated tag' : `Formula of ${original.name}`}</h2>
        <p className="muted">Its value is computed of other tags whenever its group is read. A tag that is bad makes it bad, unless it stands in coalesce(…) or before IS NULL.</p>
      </div>
      {fresh && template !== undefined && <Notice tone="info" title={`Tags of the template ${template} are changed in the template; this one is ${device}’s alone`} />}
      <ItemForm
        draft={draft}
        what="tag"
        problems={problems}
        wrong={findings}
        write={(now) => {
          const there = deviceIn(now, device)
          return there === undefined ? now : withFormula(now, there, original.name, form)
        }}
        comment={fresh ? `Calculated tag ${device}/${form.name}` : `Formula of ${device}/${form.name}`}
        to={paths.tag(device, form.name)}
      >
        <div className="formula-split">
          <CheckedEditor
            editor={editor}
            label="Formula"
            className="formula-editor"
            what="Formula of the tag"
            value={form.formula}
            check={check}
            complete={complete}
            idle={'An expression over tags: `steam / fuel`, `"boiler-2/steam" * 2`'}
            keys={
              <>
                <kbd>Ctrl</kbd> + <kbd>Space</kbd> proposes tags and functions
              </>
            }
            problem={tried ? problems.get('formula') : undefined}
            onChange={(formula) => change({ formula })}
            onRun={() => {
              if (changed || fresh) draft.save(problems, findings)
            }}
          />
          <FormulaPreview device={device} check={check} unit={form.unit} type={form.type} />
          <FormulaSettings form={form} groups={present.groups} original={original.name} problems={tried ? problems : new Map()} onChange={change} />
        </div>
      </ItemForm>
      {!fresh && (
        <RemoveItem what="tag" name={original.name} path={`${device}/${original.name}`} without={(now) => (deviceIn(now, device) === undefined ? now : withoutTag(now, device, original.name))} to={paths.device(device)}>
          It is no longer computed. What was recorded of it is kept as long as the history keeps it, and an earlier revision brings it back. A formula or rule that reads it is named in the review.
        </RemoveItem>
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
