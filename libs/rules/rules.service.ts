import { Inject, Injectable } from '@nestjs/common';
import { type Principal, tenantScope } from '#libs/access';
import {
  CLOCK,
  type Clock,
  conflict,
  decodeCursor,
  notFound,
  type Page,
  requireRevision,
  revisionConflict,
  toPage,
} from '#libs/runtime';
import { ruleDefinitionSchema, ruleScopeSchema } from './rule-definition.js';
import type { NewRule, RuleChange, RuleQuery, RuleView } from './rules.dto.js';
import { builtInRule, parseDocument, ruleIncomplete, ruleTaken } from './rules.errors.js';
import { type RuleContent, type RuleRow, RulesRepository } from './rules.repository.js';

/** No tenant has more rules of its own. */
const mostRules = 1_000;

/** Rules as people read and change them. */
@Injectable()
export class RulesService {
  constructor(
    @Inject(RulesRepository) private readonly repository: RulesRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The tenant's rules and the built-in ones. */
  async list(principal: Principal, query: RuleQuery): Promise<Page<RuleView>> {
    const [after] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.repository.page(
      {
        tenantKey: tenantScope(principal),
        builtIn: query.builtIn,
        after: after === undefined ? undefined : String(after),
      },
      query.limit + 1,
    );
    return toPage(rows, query.limit, (row) => [row.key], viewOf);
  }

  async get(principal: Principal, id: string): Promise<RuleView> {
    return viewOf(await this.find(principal, id));
  }

  /** Makes a rule of the tenant's own, or its version of a built-in rule. */
  async create(principal: Principal, body: NewRule): Promise<RuleView> {
    const tenantKey = body.tenantId ?? principal.tenantKey;
    const scope = tenantScope(principal);
    if (scope !== undefined && tenantKey !== scope) throw notFound('tenant', tenantKey);
    const overridden = body.overrides === undefined ? undefined : await this.find(principal, body.overrides);
    if (overridden && overridden.tenantKey !== null) throw notFound('built_in_rule', overridden.key);
    const slug = body.slug ?? overridden?.slug;
    const content = { ...(overridden ? contentOf(overridden) : { enabled: true, scope: {} }), ...changeOf(body) };
    if (slug === undefined || !isComplete(content)) throw ruleIncomplete(missing(slug, content));
    if ((await this.repository.count(tenantKey)) >= mostRules) {
      throw conflict('rule_limit', `The tenant has ${mostRules} rules, the most there may be. Delete one first.`);
    }
    const row = await this.repository.add({ ...content, slug, tenantKey, overridesKey: overridden?.key ?? null });
    if (!row) throw ruleTaken(slug);
    return viewOf(row);
  }

  async change(principal: Principal, id: string, expected: number | undefined, body: RuleChange): Promise<RuleView> {
    const row = await this.findOwn(principal, id);
    requireRevision(expected, row.revision);
    const changed = await this.repository.change(id, row.revision, changeOf(body));
    if (!changed) throw revisionConflict(row.revision + 1);
    return viewOf(changed);
  }

  /** Withdraws a rule: what it has raised is cleared. A built-in rule is disabled instead, or it would come back. */
  async remove(principal: Principal, id: string, expected: number | undefined): Promise<void> {
    const row = await this.findOwn(principal, id);
    if (row.tenantKey === null) {
      throw conflict('rule_built_in', 'A built-in rule is not deleted. Disable it: PATCH {"enabled": false}.');
    }
    requireRevision(expected, row.revision);
    if (!(await this.repository.withdraw(id, row.revision, new Date(this.clock.now())))) {
      throw revisionConflict(row.revision + 1);
    }
  }

  private async find(principal: Principal, id: string): Promise<RuleRow> {
    const row = await this.repository.find(id, tenantScope(principal));
    if (!row) throw notFound('rule', id);
    return row;
  }

  private async findOwn(principal: Principal, id: string): Promise<RuleRow> {
    const row = await this.find(principal, id);
    if (row.tenantKey === null && !principal.allTenants) throw builtInRule(id);
    return row;
  }
}

function viewOf(row: RuleRow): RuleView {
  return {
    id: row.key,
    slug: row.slug,
    builtIn: row.tenantKey === null,
    tenantId: row.tenantKey,
    overrides: row.overridesKey,
    title: { zh: row.titleZh, en: row.titleEn },
    severity: row.severity,
    enabled: row.enabled,
    scope: row.scope as Record<string, unknown>,
    definition: row.definition as Record<string, unknown>,
    revision: row.revision,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

function contentOf(row: RuleRow): RuleContent {
  const { titleZh, titleEn, severity, enabled } = row;
  return {
    titleZh,
    titleEn,
    severity,
    enabled,
    scope: ruleScopeSchema.parse(row.scope),
    definition: ruleDefinitionSchema.parse(row.definition),
  };
}

function changeOf(body: RuleChange): Partial<RuleContent> {
  const content: Partial<RuleContent> = {};
  if (body.title) Object.assign(content, { titleZh: body.title.zh, titleEn: body.title.en });
  if (body.severity !== undefined) content.severity = body.severity;
  if (body.enabled !== undefined) content.enabled = body.enabled;
  if (body.scope) content.scope = parseDocument('scope', ruleScopeSchema, body.scope);
  if (body.definition) content.definition = parseDocument('definition', ruleDefinitionSchema, body.definition);
  return content;
}

function isComplete(content: Partial<RuleContent>): content is RuleContent {
  return missing('', content).length === 0;
}

function missing(slug: string | undefined, content: Partial<RuleContent>): string[] {
  const fields = [
    slug === undefined ? 'slug' : undefined,
    content.titleZh === undefined ? 'title' : undefined,
    content.severity === undefined ? 'severity' : undefined,
    content.definition === undefined ? 'definition' : undefined,
  ];
  return fields.filter((field) => field !== undefined);
}
