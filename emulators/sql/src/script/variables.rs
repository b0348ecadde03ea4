//! Variables of a script: `DECLARE`, `SET`, system variables.

use super::Runner;
use crate::analyzer::TypedValue;
use crate::ast::{self, Ident, TypeExpr};
use crate::error::{Result, SqlError};
use crate::sql_type::Type;
use crate::value::Value;

impl Runner<'_> {
    pub(super) fn declare(
        &mut self,
        names: &[Ident],
        declared: Option<&TypeExpr>,
        default: Option<&ast::Expr>,
    ) -> Result<()> {
        let declared = declared.map(crate::analyzer::type_of).transpose()?;
        let value = match (&declared, default) {
            (Some(declared), Some(default)) => {
                self.value_as(default, Some((declared, "DEFAULT value")))?
            }
            (Some(declared), None) => {
                TypedValue { value_type: declared.clone(), value: Value::Null }
            }
            (None, Some(default)) => self.value(default)?,
            (None, None) => return Err(SqlError::evaluation("DECLARE needs a type or a default")),
        };
        for name in names {
            self.state.bindings.variables.push((name.name.clone(), value.clone()));
        }
        Ok(())
    }

    pub(super) fn set(
        &mut self,
        names: &[Ident],
        system: bool,
        value: &ast::Expr,
        grouped: bool,
    ) -> Result<()> {
        if system {
            let value = self.value(value)?;
            return self.set_system(&names[0].name, value);
        }
        if !grouped {
            return self.assign(&names[0], value);
        }
        let value = self.value(value)?;
        let (Value::Struct(values), Type::Struct(fields)) = (&value.value, &value.value_type)
        else {
            return Err(SqlError::evaluation("SET of several variables needs a struct"));
        };
        if values.len() != names.len() {
            let text = format!(
                "Number of variables {} does not match the number of fields {}",
                names.len(),
                values.len()
            );
            return Err(SqlError::evaluation(text));
        }
        for ((name, value), field) in names.iter().zip(values.iter()).zip(fields.iter()) {
            self.assign_value(
                name,
                TypedValue { value_type: field.field_type.clone(), value: value.clone() },
            )?;
        }
        Ok(())
    }

    fn assign(&mut self, name: &Ident, value: &ast::Expr) -> Result<()> {
        let target = self.variable_type(name)?;
        let value = self.value_as(value, Some((&target, "Value of variable")))?;
        self.put(name, value.value);
        Ok(())
    }

    /// Puts a value with a type of its own into a variable.
    pub(super) fn assign_value(&mut self, name: &Ident, value: TypedValue) -> Result<()> {
        let target = self.variable_type(name)?;
        let value = crate::cast::cast(self.session, &value.value, &value.value_type, &target)?;
        self.put(name, value);
        Ok(())
    }

    fn variable_type(&self, name: &Ident) -> Result<Type> {
        let known = self
            .state
            .bindings
            .variables
            .iter()
            .rev()
            .find(|(known, _)| known.eq_ignore_ascii_case(&name.name));
        known
            .map(|(_, variable)| variable.value_type.clone())
            .ok_or_else(|| SqlError::at(name.at, format!("Undeclared variable: {}", name.name)))
    }

    fn put(&mut self, name: &Ident, value: Value) {
        let mut variables = self.state.bindings.variables.iter_mut().rev();
        if let Some((_, variable)) =
            variables.find(|(known, _)| known.eq_ignore_ascii_case(&name.name))
        {
            variable.value = value;
        }
    }

    fn set_system(&mut self, name: &str, value: TypedValue) -> Result<()> {
        match name.to_ascii_lowercase().as_str() {
            "time_zone" => {
                let zone = value.value.as_str().unwrap_or_default();
                self.session.time_zone = zone
                    .parse()
                    .map_err(|_| SqlError::evaluation(format!("Invalid time zone: {zone}")))?;
            }
            "dataset_id" => {
                let dataset = value.value.as_str().unwrap_or_default().to_owned();
                let project = self.session.project.clone();
                self.session.default_dataset = Some((project, dataset));
            }
            "dataset_project_id" => {
                let project = value.value.as_str().unwrap_or_default().to_owned();
                let dataset = self.session.default_dataset.take().map(|(_, dataset)| dataset);
                self.session.default_dataset = Some((project, dataset.unwrap_or_default()));
            }
            "query_label" | "error.message" => {}
            other => {
                let text = format!("Unable to set system variable @@{other}");
                return Err(SqlError::evaluation(text));
            }
        }
        self.set_binding(name, value);
        Ok(())
    }

    pub(super) fn set_binding(&mut self, name: &str, value: TypedValue) {
        let system = &mut self.state.bindings.system;
        system.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        system.push((name.to_owned(), value));
    }
}
