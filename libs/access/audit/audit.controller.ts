import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { and, desc, eq, gte, lt } from 'drizzle-orm';
import { auditRecords, DATABASE, type Database } from '#libs/registry-db';
import { decodeCursor, type Page, toPage } from '#libs/runtime';
import { CurrentPrincipal, Requires } from '../access.decorators.js';
import { type Principal, tenantScope } from '../principal.js';
import { AuditQuery, AuditRecordPage, type AuditRecordView, VerificationView } from './audit.dto.js';
import { AuditLog } from './audit-log.js';

/** The auditor's view: who did what, and whether the record of it is whole. */
@ApiTags('access')
@Controller('api/v1/audit-records')
export class AuditController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(AuditLog) private readonly log: AuditLog,
  ) {}

  @Get()
  @Requires('audit:read')
  @ApiOperation({ summary: 'List writes, log-ins and denials, newest first' })
  @ApiOkResponse({ type: AuditRecordPage })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: AuditQuery): Promise<Page<AuditRecordView>> {
    const scope = tenantScope(principal);
    const [before] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.database
      .select()
      .from(auditRecords)
      .where(
        and(
          scope ? eq(auditRecords.tenantKey, scope) : undefined,
          query.principalId ? eq(auditRecords.principalKey, query.principalId) : undefined,
          query.outcome ? eq(auditRecords.outcome, query.outcome) : undefined,
          query.from ? gte(auditRecords.at, new Date(query.from)) : undefined,
          query.to ? lt(auditRecords.at, new Date(query.to)) : undefined,
          before === undefined ? undefined : lt(auditRecords.sequence, Number(before)),
        ),
      )
      .orderBy(desc(auditRecords.sequence))
      .limit(query.limit + 1);
    return toPage(rows, query.limit, (row) => [row.sequence], viewOf);
  }

  @Get('verification')
  @Requires('audit:read')
  @ApiOperation({ summary: 'Verify that no audit record was changed, removed or put in' })
  @ApiOkResponse({ type: VerificationView })
  verify(): Promise<VerificationView> {
    return this.log.verify();
  }
}

function viewOf(row: typeof auditRecords.$inferSelect): AuditRecordView {
  const { at, principalKey, tenantKey, previousHash: _previous, hash, ...rest } = row;
  return { ...rest, at: at.toISOString(), principalId: principalKey, tenantId: tenantKey, hash: hash.toString('hex') };
}
