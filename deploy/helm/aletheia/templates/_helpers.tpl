{{- define "aletheia.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "aletheia.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "aletheia.labels" -}}
{{ include "aletheia.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "aletheia.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "aletheia.check" -}}
{{- with .Values.model -}}
{{- $sources := list (and .claim (not .tracking.url)) .bucket.url .tracking.url -}}
{{- $given := 0 -}}
{{- range $sources }}{{ if . }}{{ $given = add $given 1 }}{{ end }}{{ end -}}
{{- if ne (int $given) 1 -}}
{{- fail "name exactly one source of the model: model.claim, model.bucket.url or model.tracking.url" -}}
{{- end -}}
{{- if and .tracking.url (not .claim) -}}
{{- fail "model.tracking.url names models in a store that must be mounted, too: set model.claim" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host is missing" -}}
{{- end -}}
{{- if and .Values.log.claim (gt (int .Values.replicas) 1) -}}
{{- fail "a prediction log has one writer: with log.claim set replicas to 1, or leave the claim out" -}}
{{- end -}}
{{- if and .Values.log.claim .Values.autoscaling.enabled -}}
{{- fail "a prediction log has one writer: with log.claim leave autoscaling off" -}}
{{- end -}}
{{- end -}}
