{{- define "citysense.labels" -}}
app.kubernetes.io/name: citysense
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "citysense.selector" -}}
app.kubernetes.io/name: citysense
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{- define "citysense.healthPort" -}}
{{- get (dict "gateway" 3001 "pipeline" 3002 "notifier" 3003 "api" 3000) . -}}
{{- end -}}
