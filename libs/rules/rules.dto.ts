import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsNotEmpty,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Matches,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { type Severity, severities } from '#libs/contracts';
import { PageQuery, pageOf } from '#libs/runtime';

const definitionDoc =
  'What the rule looks for, by `kind`: threshold, change, event, delta, window, absence or group. See libs/rules/README.md.';
const scopeDoc =
  'Which devices it judges: those that meet everything given of productIds, domains, deviceIds, tags, settings.';
const definitionExample = {
  kind: 'threshold',
  conditions: [{ metric: 'pressure', operator: '<', value: 140, clear: 160 }],
  forMs: 300_000,
};

/** A title in both languages. */
export class RuleTitle {
  @ApiProperty({ maxLength: 200, example: '管网低压' })
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  zh: string;

  @ApiProperty({ maxLength: 200, example: 'Low water pressure' })
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  en: string;
}

/** What may be said of a rule, all of it optional: a change, or what an override does not take from its built-in rule. */
export class RuleChange {
  @ApiPropertyOptional({ type: RuleTitle })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => RuleTitle)
  title?: RuleTitle;

  @ApiPropertyOptional({ enum: severities })
  @IsOptional()
  @IsIn(severities)
  severity?: Severity;

  @ApiPropertyOptional()
  @IsOptional()
  @IsBoolean()
  enabled?: boolean;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: scopeDoc,
    example: { domains: ['water'] },
  })
  @IsOptional()
  @IsObject()
  scope?: Record<string, unknown>;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: definitionDoc,
    example: definitionExample,
  })
  @IsOptional()
  @IsObject()
  definition?: Record<string, unknown>;
}

/** A new rule. With `overrides`, everything not given is taken from the built-in rule. */
export class NewRule extends RuleChange {
  @ApiPropertyOptional({
    pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
    description: 'Unique within the tenant; needed without `overrides`.',
  })
  @IsOptional()
  @Matches(/^[a-z0-9][a-z0-9-]{0,62}$/, { message: 'slug must be 1 to 63 of a-z 0-9 and -' })
  slug?: string;

  @ApiPropertyOptional({
    format: 'uuid',
    description:
      'Id of the built-in rule that this one replaces for the tenant; with `enabled: false` it switches that one off.',
  })
  @IsOptional()
  @IsUUID()
  overrides?: string;

  @ApiPropertyOptional({
    format: 'uuid',
    description: 'Whose rule it is; who sees every tenant may name another than their own.',
  })
  @IsOptional()
  @IsUUID()
  tenantId?: string;
}

/** Filters of the rule list. */
export class RuleQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Only the built-in rules, or only those of tenants.' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  builtIn?: boolean;
}

/** A rule. */
export class RuleView {
  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty()
  slug: string;

  @ApiProperty({
    description: 'Ships with the platform and judges the devices of every tenant that has not overridden it.',
  })
  builtIn: boolean;

  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  tenantId: string | null;

  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'The built-in rule that it replaces for its tenant.',
  })
  overrides: string | null;

  @ApiProperty({ type: RuleTitle })
  title: RuleTitle;

  @ApiProperty({ enum: severities })
  severity: Severity;

  @ApiProperty()
  enabled: boolean;

  @ApiProperty({ type: 'object', additionalProperties: true, description: scopeDoc })
  scope: Record<string, unknown>;

  @ApiProperty({ type: 'object', additionalProperties: true, description: definitionDoc })
  definition: Record<string, unknown>;

  @ApiProperty({ description: 'Also the ETag.' })
  revision: number;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;

  @ApiProperty({ format: 'date-time' })
  updatedAt: string;
}

export class RulePage extends pageOf(RuleView) {}
