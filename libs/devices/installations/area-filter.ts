import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';

/** `?area=5203`: a list is narrowed to what is mounted there. */
export const AreaFilter = () =>
  applyDecorators(
    ApiPropertyOptional({
      description: 'GB/T 2260 division code of the installation, or the beginning of one: 5203.',
      pattern: '^\\d{2,6}$',
    }),
    IsOptional(),
    Matches(/^\d{2,6}$/, { message: 'area must be 2 to 6 digits of a division code, such as 5203' }),
  );
