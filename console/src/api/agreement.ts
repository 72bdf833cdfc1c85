/**
 * Holds the types that pages use against those generated from the API's document: the same fields, by
 * name. `npm run lint` fails where one side has a field that the other has not.
 */
import type { components } from './__generated__/edge'
import type * as alarms from './alarms'
import type * as exchange from './exchange'
import type * as history from './history'
import type * as ledger from './ledger'
import type * as notify from './notify'
import type * as rules from './rules'
import type * as tables from './tables'
import type * as page from './types'

type Wire = components['schemas']

/** Names of fields that only one of the two has. */
type Differs<A, B> = Exclude<keyof A, keyof B> | Exclude<keyof B, keyof A>

interface Pairs {
  Quality: Differs<page.Quality, Wire['Quality']>
  Finding: Differs<page.Finding, Wire['Finding']>
  Me: Differs<page.Me, Wire['Me']>
  TagCounts: Differs<page.TagCounts, Wire['TagCounts']>
  Problem: Differs<page.Problem, Wire['Problem']>
  JournalStream: Differs<page.JournalStream, Wire['StreamStatus']>
  Status: Differs<page.Status, Wire['Status']>
  Group: Differs<page.Group, Wire['Group']>
  Device: Differs<page.Device, Wire['Device']>
  DeviceLoad: Differs<page.DeviceLoad, Wire['DeviceLoad']>
  DiffResult: Differs<page.DiffResult, Wire['DiffAnswer']>
  TemplateChange: Differs<page.TemplateChange, Wire['TemplateChange']>
  Frame: Differs<page.Frame, Wire['Frame']>
  TrialProblem: Differs<page.TrialProblem, Wire['TrialProblem']>
  TrialRequest: Differs<page.TrialRequest, Wire['Trial']>
  TrialValue: Differs<page.TrialValue, Wire['TrialValue']>
  TrialRead: Differs<page.TrialRead, Wire['ReadAnswer']>
  BrowseNode: Differs<page.BrowseNode, Wire['BrowseNode']>
  TrialBrowse: Differs<page.TrialBrowse, Wire['BrowseAnswer']>
  EstimateGroup: Differs<page.EstimateGroup, Wire['GroupEstimate']>
  TrialEstimate: Differs<page.TrialEstimate, Wire['EstimateAnswer']>
  Load: Differs<page.Load, Wire['LoadNow']>
  Trace: Differs<page.Trace, Wire['TraceAnswer']>
  Secret: Differs<page.Secret, Wire['Secret']>
  Certificate: Differs<page.Certificate, Wire['Certificate']>
  RejectedCertificate: Differs<page.RejectedCertificate, Wire['RejectedCertificate']>
  RevocationList: Differs<page.RevocationList, Wire['RevocationList']>
  Certificates: Differs<page.Certificates, Wire['Certificates']>
  TemplateParameter: Differs<page.TemplateParameter, Wire['TemplateParameter']>
  LibraryTemplate: Differs<page.LibraryTemplate, Wire['LibraryTemplate']>
  UsedTemplate: Differs<page.UsedTemplate, Wire['UsedTemplate']>
  Templates: Differs<page.Templates, Wire['Templates']>
  ImportFinding: Differs<exchange.ImportFinding, Wire['ImportFinding']>
  NotTranslated: Differs<exchange.NotTranslated, Wire['NotTranslated']>
  ImportAnswer: Differs<exchange.ImportAnswer, Wire['ImportAnswer']>
  EdgeEvent: Differs<exchange.EdgeEvent, Wire['Event']>
  EventPage: Differs<exchange.EventPage, Wire['Events']>
  RestoreAnswer: Differs<exchange.RestoreAnswer, Wire['RestoreAnswer']>
  RestoreFinding: Differs<exchange.RestoreFinding, Wire['RestoreFinding']>
  DeviceCounters: Differs<page.Device['counters'], Wire['DeviceCounters']>
  Alarm: Differs<alarms.Alarm, Wire['Alarm']>
  AlarmShelf: Differs<alarms.AlarmShelf, Wire['AlarmShelf']>
  AlarmFlood: Differs<alarms.AlarmFlood, Wire['AlarmFlood']>
  AlarmCounts: Differs<alarms.AlarmCounts, Wire['AlarmCounts']>
  AlarmName: Differs<alarms.AlarmName, Wire['AlarmName']>
  AlarmChoice: Differs<alarms.AlarmChoice, Wire['AlarmChoice']>
  AlarmAnswer: Differs<alarms.AlarmAnswer, Wire['AlarmAnswer']>
  AlarmRefusal: Differs<alarms.AlarmRefusal, Wire['AlarmRefusal']>
  AlarmChange: Differs<alarms.AlarmChange, Wire['AlarmChange']>
  AlarmChanges: Differs<alarms.AlarmChanges, Wire['AlarmChanges']>
  Notify: Differs<notify.Notify, Wire['Notify']>
  NotifyChannel: Differs<notify.NotifyChannel, Wire['NotifyChannel']>
  NotifyFailure: Differs<notify.NotifyFailure, Wire['NotifyFailure']>
  NotifyRoute: Differs<notify.NotifyRoute, Wire['NotifyRoute']>
  NotifyLevel: Differs<notify.NotifyLevel, Wire['NotifyLevel']>
  NotifyTest: Differs<notify.NotifyTest, Wire['NotifyTest']>
  NotifyAnswer: Differs<notify.NotifyAnswer, Wire['NotifyAnswer']>
  RuleColumn: Differs<rules.RuleColumn, Wire['RuleColumn']>
  RuleError: Differs<rules.RuleError, Wire['RuleError']>
  Rule: Differs<rules.Rule, Wire['Rule']>
  RuleRow: Differs<rules.RuleRow, Wire['RuleRow']>
  RuleRows: Differs<rules.RuleRows, Wire['RuleRows']>
  RuleDetail: Differs<rules.RuleDetail, Wire['RuleDetail']>
  RuleFinding: Differs<rules.RuleFinding, Wire['RuleFinding']>
  RuleCheckRequest: Differs<rules.RuleCheckRequest, Wire['RuleCheck']>
  RuleCheck: Differs<rules.RuleCheck, Wire['RuleCheckAnswer']>
  FormulaCheckRequest: Differs<rules.FormulaCheckRequest, Wire['FormulaCheck']>
  FormulaCheck: Differs<rules.FormulaCheck, Wire['FormulaCheckAnswer']>
  FormulaInput: Differs<rules.FormulaInput, Wire['FormulaInput']>
  RuleAlarm: Differs<rules.RuleAlarm, Wire['RuleAlarm']>
  RuleWrite: Differs<rules.RuleWrite, Wire['RuleWrite']>
  RuleTrialRequest: Differs<rules.RuleTrialRequest, Wire['RuleTrial']>
  RuleTrialAlarm: Differs<rules.RuleTrialAlarm, Wire['RuleTrialAlarm']>
  RuleTrialWrite: Differs<rules.RuleTrialWrite, Wire['RuleTrialWrite']>
  RuleDifference: Differs<rules.RuleDifference, Wire['RuleDifference']>
  RuleComparison: Differs<rules.RuleComparison, Wire['RuleComparison']>
  RuleTrial: Differs<rules.RuleTrial, Wire['RuleTrialAnswer']>
  Storage: Differs<history.Storage, Wire['Storage']>
  HistoryStorage: Differs<history.HistoryStorage, Wire['HistoryStorage']>
  RollupStorage: Differs<history.RollupStorage, Wire['RollupStorage']>
  Ledger: Differs<ledger.Ledger, Wire['Ledger']>
  Account: Differs<ledger.Account, Wire['Account']>
  Cause: Differs<ledger.Cause, Wire['Cause']>
  SinkAccount: Differs<ledger.SinkAccount, Wire['SinkAccount']>
  LedgerInterval: Differs<ledger.LedgerInterval, Wire['LedgerInterval']>
  SinkInterval: Differs<ledger.SinkInterval, Wire['SinkInterval']>
  Deviation: Differs<ledger.Deviation, Wire['Deviation']>
  DeadLetterChoice: Differs<ledger.DeadLetterChoice, Wire['DeadLetterChoice']>
  DeadLetterAnswer: Differs<ledger.DeadLetterAnswer, Wire['DeadLetterAnswer']>
  SqlRequest: Differs<history.SqlRequest, Wire['SqlRequest']>
  TableColumn: Differs<tables.TableColumn, Wire['TableColumn']>
  TableError: Differs<tables.TableError, Wire['TableError']>
  LookupTable: Differs<tables.LookupTable, Wire['LookupTable']>
  LookupTableDetail: Differs<tables.LookupTableDetail, Wire['LookupTableDetail']>
  SqlColumn: Differs<history.SqlColumn, Wire['SqlColumn']>
  SqlAnswer: Differs<history.SqlAnswer, Wire['SqlAnswer']>
  SqlTable: Differs<history.SqlTable, Wire['SqlTable']>
  SqlFunction: Differs<history.SqlFunction, Wire['SqlFunction']>
  SqlTables: Differs<history.SqlTables, Wire['SqlTables']>
  Tag: Differs<page.Tag, Wire['Tag']>
  Sample: Differs<page.Sample, Wire['Sample']>
  Samples: Differs<page.Samples, Wire['Samples']>
  LiveRead: Differs<page.LiveRead, Wire['LiveRead']>
  LiveTag: Differs<page.LiveTag, Wire['LiveTag']>
  SinkStatus: Differs<page.SinkStatus, Wire['SinkStatus']>
  Spec: Differs<page.Spec, Wire['Spec']>
  Components: Differs<page.Components, Wire['Components']>
  RunningConfig: Differs<page.RunningConfig, Wire['ConfigText']>
  Revision: Differs<page.Revision, Wire['Revision']>
  LintResult: Differs<page.LintResult, Wire['LintAnswer']>
  Change: Differs<page.Change, Wire['Change']>
  Effect: Differs<page.Effect, Wire['Effect']>
  ApplyResult: Differs<page.ApplyResult, Wire['ApplyAnswer']>
  Command: Differs<page.Command, Wire['Command']>
  NewCommand: Differs<page.NewCommand, Wire['NewCommand']>
  User: Differs<page.User, Wire['User']>
}

/** Never, unless fields differ: then their names stand in the compiler's message. */
export type Disagreement = { [Name in keyof Pairs]: Pairs[Name] extends never ? never : [Name, Pairs[Name]] }[keyof Pairs]

export const agreed: [Disagreement] extends [never] ? true : Disagreement = true
